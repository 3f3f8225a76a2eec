"""Who is asking."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a program came with: the key's id, the scopes it opens, and when it ends (microseconds)."""

    id: str
    scopes: frozenset[str]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a service of the desk, or nobody known.

    ``id`` is the person's id (the feature's name for a service, empty for nobody); ``roles`` are role names and
    ``grants`` the rights that those roles add up to. Rights are asked for with :meth:`may`, never by role. ``key`` is
    there where a program acts with an API key: for a person, or by itself, under the key's own id.
    """

    id: str
    kind: str  # "person", "service" or "anonymous"
    roles: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()
    name: str = field(default="", compare=False)
    key: ApiKey | None = None

    def may(self, grant: str) -> bool:
        """Tell whether this actor holds ``grant``, for example ``"ticket.create"``."""
        return grant in self.grants


ANONYMOUS = Actor("", "anonymous")


def service(name: str) -> Actor:
    """Return the actor that acts when the feature ``name`` does something by itself."""
    return Actor(name, "service")
