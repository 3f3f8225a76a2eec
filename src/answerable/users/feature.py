"""The manifest of the users feature."""

from answerable.kernel.manifest import Feature
from answerable.users import api
from answerable.users.actions.door import Door


def feature() -> Feature:
    """Return what the users feature offers."""
    door = Door()
    return Feature(
        "users",
        routes=api.ROUTES,
        state={"door": door},
        identify=door.identity.identify,
        on_start=door.open,
    )
