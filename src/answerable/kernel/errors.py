"""What can be wrong with a request. Raised anywhere, turned into HTTP and CLI words once, in ``infra``."""

from answerable.kernel.words import N_


class Problem(Exception):
    """Something the caller can be told. ``message`` is shown as it stands, so it is short, kind and exact."""

    status = 500
    title = N_("Internal error")

    def __init__(self, message: str, *, errors: tuple[str, ...] = (), retry_after: int | None = None) -> None:
        """Hold ``message``, field ``errors`` (``"field: message"``) and seconds to wait before trying again."""
        super().__init__(message)
        self.message = message
        self.errors = errors
        self.retry_after = retry_after


class Invalid(Problem):
    """The input breaks a rule."""

    status = 400
    title = N_("Invalid input")


class Unauthenticated(Problem):
    """Nobody is signed in, or the token is not valid (any more)."""

    status = 401
    title = N_("Not signed in")


class Refused(Problem):
    """The actor may not do this."""

    status = 403
    title = N_("Not allowed")


class Missing(Problem):
    """There is no such thing, or the actor may not see it."""

    status = 404
    title = N_("Not found")


class Conflict(Problem):
    """The thing is not in a state that allows this."""

    status = 409
    title = N_("Conflict")


class Stale(Problem):
    """Somebody changed the thing since the caller read it."""

    status = 412
    title = N_("Changed in the meantime")


class TooLarge(Problem):
    """The input is larger than the desk takes."""

    status = 413
    title = N_("Too large")


class Unsupported(Problem):
    """The input is in a form that the desk does not read."""

    status = 415
    title = N_("Unsupported media type")


class Expired(Problem):
    """The page that a form was on is too old, or not one of ours; nothing was changed."""

    status = 419
    title = N_("This page has expired")


class Reused(Problem):
    """An idempotency key came again with another request."""

    status = 422
    title = N_("Idempotency key reused")


class Throttled(Problem):
    """Too many tries; ``retry_after`` says when to come back."""

    status = 429
    title = N_("Too many requests")


class Unavailable(Problem):
    """The desk cannot store or reach something right now; nothing was changed."""

    status = 503
    title = N_("Temporarily unavailable")
