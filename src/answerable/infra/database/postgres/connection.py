"""Connections to PostgreSQL, and what their errors mean: wait, do it again, or give up."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from answerable.infra.database.postgres.address import check_address
from answerable.infra.database.postgres.hosts import first_to_answer
from answerable.kernel.errors import Invalid
from answerable.settings import Settings

CONNECT_SECONDS = 3.0
STATEMENT_SECONDS = 30.0
LOCK_SECONDS = 5.0
STILL_SECONDS = 20.0  # a process that holds a transaction or the leadership, and stands still
_COMMON = {
    "application_name": "answerable",
    "jit": "off",  # compiling a statement takes longer than running ours,
    "max_parallel_workers_per_gather": "0",  # and so does starting processes that share it
    "random_page_cost": "1.1",  # a desk is in memory or on a disk without heads: its indexes are the short way
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "lock_timeout": f"{LOCK_SECONDS:.0f}s",
    "statement_timeout": f"{STATEMENT_SECONDS:.0f}s",
    "idle_in_transaction_session_timeout": f"{STILL_SECONDS:.0f}s",
}
READING = {"default_transaction_read_only": "on"}
WRITING = {"idle_session_timeout": f"{STILL_SECONDS:.0f}s"}

# The connection is gone or the server is not (any more) the one to write to: another connection may work.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
    OSError,
    asyncio.TimeoutError,
)
# Somebody was in the way: the same work may succeed now.
_CONFLICTS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,
)
# The server cannot: no room, no memory, a broken disk, too slow.
_FAULTS = (
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.QueryCanceledError,
    asyncpg.InternalServerError,
)
_LOG_INDEXES = ("bus_outbox_pkey", "bus_outbox_stream")  # two that took the same place: somebody wrote without the lock


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection failed, rather than the work."""
    return isinstance(error, _LOST) or (isinstance(error, asyncpg.InterfaceError) and "clos" in str(error))


def is_conflict(error: BaseException) -> bool:
    """Tell whether somebody else was in the way."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return error.constraint_name in _LOG_INDEXES
    return isinstance(error, _CONFLICTS)


def is_fault(error: BaseException) -> bool:
    """Tell whether the store failed, rather than the code that uses it."""
    return is_lost(error) or is_conflict(error) or isinstance(error, _FAULTS)


def is_database_error(error: BaseException) -> bool:
    """Tell whether the transaction is broken."""
    return isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError | asyncio.TimeoutError)


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # it comes without types
    """A connection that does not ask for what every server has: the shape of arrays of built-in types.

    Asking takes longer than most of our statements, once for each type and connection; the answer is always the same.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Any:
        missing = frozenset(typeoids)
        if any(oid >= _FIRST_OWN_OID for oid in missing):
            return await super()._introspect_types(missing, timeout)
        if missing not in _BUILT_IN:
            _BUILT_IN[missing], statement = await super()._introspect_types(missing, timeout)
            return _BUILT_IN[missing], statement
        return _BUILT_IN[missing], _Asked()


@dataclass(frozen=True)
class _Asked:
    """Stands for the statement that was not sent: with a name, for it took nobody's place."""

    name: str = "asked before"


_FIRST_OWN_OID = 10_000  # PostgreSQL gives those below it by hand, the same in every version
_BUILT_IN: dict[frozenset[int], Any] = {}


async def connect(settings: Settings, purpose: dict[str, str], seconds: float | None = STATEMENT_SECONDS + 5) -> Any:
    """Open a connection to the server that takes writes, of all that the address names.

    ``seconds`` is how long a statement may take before the server is taken for lost.

    Raises ``Invalid`` for an address, a name or a password that cannot be right, and what ``is_lost`` knows where the
    server cannot be reached.
    """

    async def open_at(address: str) -> Any:
        try:
            return await asyncpg.connect(
                address,
                target_session_attrs="primary",
                timeout=CONNECT_SECONDS,
                connection_class=_Connection,
                command_timeout=seconds,
                statement_cache_size=2048,
                max_cached_statement_lifetime=0,
                server_settings={**_COMMON, **purpose, "search_path": settings.storage.schema},
            )
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise Invalid(f"storage.database: {error}.") from None
        except (ValueError, asyncpg.ClientConfigurationError):
            raise Invalid("storage.database: is not an address that PostgreSQL's drivers understand.") from None

    return await first_to_answer(check_address(settings.storage.database), open_at)


async def close(connection: Any) -> None:
    """Say goodbye where somebody listens, hang up where nobody does."""
    if connection is None or connection.is_closed():
        return
    try:
        await connection.close(timeout=1)
    except Exception:
        connection.terminate()
