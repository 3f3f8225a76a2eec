"""THE LIST: every feature, and the service it runs in. The one place where features meet."""

from collections.abc import Sequence

from answerable.assignment.feature import feature as assignment
from answerable.gateway.feature import feature as gateway
from answerable.infra.bus.follower import Follower
from answerable.kernel.errors import Invalid
from answerable.kernel.manifest import Feature
from answerable.mirror.feature import feature as mirror
from answerable.mirror.feature import follower as mirror_follower
from answerable.notifications.feature import feature as notifications
from answerable.reporting.feature import feature as reporting
from answerable.settings import Settings
from answerable.sla.feature import feature as sla
from answerable.tickets.feature import feature as tickets
from answerable.users.feature import feature as users
from answerable.webhooks.feature import feature as webhooks

SERVICES = {
    "gateway": [gateway],
    "users": [users],
    "tickets": [tickets],
    "assignment": [assignment, sla],
    "notifications": [notifications, webhooks],
    "reporting": [reporting],
    "mirror": [mirror],
}


def service_of() -> dict[str, str]:
    """Return the service that each feature runs in, by name."""
    return {make().name: service for service, makers in SERVICES.items() for make in makers}


def features_of(services: Sequence[str] = ()) -> list[Feature]:
    """Make the features of some services, of all where none is named.

    Raises ``Invalid`` for a service that does not exist.
    """
    unknown = [name for name in services if name not in SERVICES]
    if unknown:
        raise Invalid(f"Unknown service {', '.join(unknown)}. Known: {', '.join(SERVICES)}.")
    return [make() for name in (services or SERVICES) for make in SERVICES[name]]


def followers_of(settings: Settings, services: Sequence[str] = ()) -> list[Follower]:
    """Make those who follow the event stream from outside the database: the mirror, where it is named or set.

    Raises ``Invalid`` for settings that cannot be used.
    """
    wanted = "mirror" in services or (not services and settings.mirror.url)
    return [mirror_follower(settings, services)] if wanted else []
