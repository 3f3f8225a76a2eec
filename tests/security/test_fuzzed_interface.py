"""What the OpenAPI document says is what the desk does, whatever is sent, whoever sends it (schemathesis)."""

import asyncio
from pathlib import Path

import pytest

from tests.security.fuzzing import EXAMPLES, SEED, Fuzz
from tests.security.worlds.ground import open_ground

pytestmark = pytest.mark.one_engine


async def test_the_document_is_true_of_every_answer(tmp_path: Path) -> None:
    async with open_ground(tmp_path) as ground, ground.one_world():
        fuzz = Fuzz(ground)
        await fuzz.prepare()
        await asyncio.to_thread(fuzz.every_operation)
        await asyncio.to_thread(fuzz.every_link, 8 * EXAMPLES, 8)
    found = "\n".join(f"{where}: {what}" for where, what in sorted(fuzz.complaints.items()))
    assert not found, f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}\n{found}"
    for kind, least in (("POSITIVE", 180), ("NEGATIVE", 120), ("EDGES", 180), ("FOLLOWED", 15)):
        assert fuzz.tried[kind] > least, fuzz.tried
