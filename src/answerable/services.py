"""THE LIST: every feature, and the service it runs in. The one place where features meet."""

from collections.abc import Sequence

from answerable.assignment.feature import feature as assignment
from answerable.gateway.feature import feature as gateway
from answerable.kernel.errors import Invalid
from answerable.kernel.manifest import Feature
from answerable.notifications.feature import feature as notifications
from answerable.reporting.feature import feature as reporting
from answerable.sla.feature import feature as sla
from answerable.tickets.feature import feature as tickets
from answerable.users.feature import feature as users

SERVICES = {
    "gateway": [gateway],
    "users": [users],
    "tickets": [tickets],
    "assignment": [assignment, sla],
    "notifications": [notifications],
    "reporting": [reporting],
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
