"""Several hosts of one database: the first that answers and takes writes.

asyncpg asks one after the other, within one patience: where the first is a machine that swallows everything, the
second would never be asked. Here each has a patience of its own, another is asked while one is slow, and who answered
last comes first.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from answerable.kernel.errors import Invalid

HEAD_START = 0.3  # seconds before the next host is asked as well
_answered_last: dict[str, str] = {}  # by address, which a process has one or two of


def each_host(address: str) -> list[str]:
    """Return an address for each of its hosts."""
    parts = urlsplit(address)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [address]
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


async def first_to_answer(address: str, open_at: Callable[[str], Awaitable[Any]]) -> Any:
    """Return the connection of the first host at which ``open_at`` makes one.

    Raises ``Invalid`` where one says that the address is wrong and none answers, else what the first host met.
    """
    hosts = each_host(address)
    if len(hosts) == 1:
        return await open_at(address)
    last = _answered_last.get(address)
    waiting = deque(sorted(hosts, key=lambda host: host != last))
    asked: dict[asyncio.Task[Any], str] = {}
    errors: dict[str, BaseException] = {}
    try:
        while waiting or asked:
            if waiting:
                host = waiting.popleft()
                asked[asyncio.ensure_future(open_at(host))] = host
            done, _ = await asyncio.wait(
                asked, timeout=HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    _answered_last[address] = asked.pop(task)
                    return task.result()
                errors[asked.pop(task)] = error
    finally:
        for task in asked:
            task.cancel()
            task.add_done_callback(_hang_up)
    raise next((error for error in errors.values() if isinstance(error, Invalid)), errors[hosts[0]])


def _hang_up(task: "asyncio.Task[Any]") -> None:
    """Close the connection of a host that answered as well, but later."""
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()
