"""Pages about people: coming in (``door``), behind links from mails (``links``), oneself (``profile``, ``second``).

For administrators: everybody (``people``), what is kept of somebody and erasing them (``erasure``), and the record of
changes (``audit``). Keys of programs: ``keys``.
"""

from answerable.kernel.words import N_
from answerable.users.pages import audit, door, erasure, keys, links, people, profile, provider, second

# What the rules put together from numbers, as it is said beside a field; translated where it is shown.
COMPLAINTS = (
    N_("must have 3 to 50 characters"),
    N_("must have 3 to 254 characters"),
    N_("must have 8 to 128 characters"),
    N_("is not right"),
    N_("is not a time zone"),
    N_("is not known here"),
    N_("has broken characters"),
    N_("must have at least one"),
)

ROUTES = [
    *door.ROUTES,
    *provider.ROUTES,
    *links.ROUTES,
    *profile.ROUTES,
    *second.ROUTES,
    *people.ROUTES,
    *erasure.ROUTES,
    *audit.ROUTES,
    *keys.ROUTES,
]
