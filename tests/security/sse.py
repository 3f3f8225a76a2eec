"""The live stream in the table: its answer begins and does not end."""

from collections.abc import Mapping

from tests.gateway.sse import listening
from tests.security.asgi import Answer
from tests.world import World


async def status_of_stream(world: World, headers: Mapping[str, str]) -> Answer:
    """Open the stream, look at how the answer begins, and leave."""
    async with listening(world, None, headers=headers) as client:
        return Answer(client.status, client.headers)
