"""Random troubles while people work: what was acknowledged is there once, and what follows from it happened once.

The run of ``make test`` is short; ``make test-faults SEEDS=20 SECONDS=60`` makes many long ones. A failure prints its
seed, and ``make test-faults SEED=that SEEDS=1`` with the same SECONDS repeats the schedule.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from answerable.infra.database.open import system_clock
from answerable.kernel.actor import Actor
from answerable.kernel.times import MINUTE, SECOND
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.tickets.actions import create_ticket
from answerable.tickets.rules import Draft
from answerable.users.rules import grants_of
from tests import engines
from tests.faults.audit import differences, everything_rests
from tests.faults.crew import PROMISE, Crew
from tests.faults.place import Place, open_place
from tests.faults.schedule import ENGINES, POSTGRES, Fault, schedule
from tests.faults.spoiling import unnoticed
from tests.faults.stores import Stores
from tests.patience import PATIENCE
from tests.processes import ADMIN, eventually, sign_in

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.on_disk, pytest.mark.one_engine]
FIRST = int(
    os.environ.get("FAULT_SEED", "335")
)  # has all of it in four seconds: kills, a power cut, repeats, a full disk
SEEDS = range(FIRST, FIRST + int(os.environ.get("FAULT_SEEDS", "1")))
SECONDS = float(os.environ.get("FAULT_SECONDS", "4"))
PROMISES = 3
MOST_LINES = 40
CASES = [pytest.param(name, seed, id=f"{name}-{seed}") for seed in SEEDS for name in ENGINES]


@pytest.mark.parametrize(("arrangement", "seed"), CASES)
async def test_nothing_is_lost_and_nothing_happens_twice(tmp_path: Path, arrangement: str, seed: int) -> None:
    troubles = schedule(seed, SECONDS, arrangement)
    run = f"make test-faults SEED={seed} SEEDS=1 SECONDS={SECONDS:g}: {arrangement}"
    print(f"\n{run}", *troubles, sep="\n  ")
    if arrangement == POSTGRES and (missing := engines.missing()):
        (pytest.fail if os.environ.get("TESTS_INSIST") else pytest.skip)(missing)
    async with open_place(tmp_path, arrangement) as place, _logs_kept(place, f"{arrangement}-{seed}"):
        url = place.cluster.running["gateway"].url
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            await eventually(lambda: _signs_in(client))
            admin, crew = await sign_in(client, ADMIN), Crew(seed)
            await crew.hire(client, admin)
            await _promise(place, crew)
            await _work_through(place, crew, url, troubles)
            print(crew.notes, *place.happened, sep="\n  ")
            stores = Stores(tmp_path, place.cluster.common.get("ANSWERABLE_DATABASE", ""), client, admin)
            found = await everything_rests(place, stores) or await differences(place, stores, crew.notes)
            assert found == [], "\n".join([run, str(crew.notes), *found[:MOST_LINES]])
            if arrangement == "sqlite":
                assert await unnoticed(stores, crew.notes, tmp_path / "spoiled") == [], "the audit sees what is wrong"


async def _signs_in(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/api/auth/me", headers=await sign_in(client, ADMIN))
    return answer.status_code == 200


async def _promise(place: Place, crew: Crew) -> None:
    """Raise tickets, a quarter of an hour ago, whose promise of a first answer runs out during the troubles."""
    common = place.cluster.common
    settings = Settings().with_values(
        "test",
        storage__data_dir=str(place.cluster.folder / "tickets"),
        storage__database=common.get("ANSWERABLE_DATABASE", ""),
        **place.cluster.settings,
    )
    una = crew.people[0]
    actor = Actor(una.id, "person", frozenset({"USER"}), grants_of({"USER"}), una.name)
    for number in range(PROMISES):
        late = int(SECONDS * (number + 1) / (PROMISES + 1) * SECOND)
        past = system_clock() - 15 * MINUTE + late
        desk = Desk(settings, ["tickets"], clock=lambda past=past: past)  # type: ignore[misc]
        draft = Draft(title=f"{PROMISE} {number}", description="Nobody answers.", category="OTHER", priority="CRITICAL")
        await desk.database.write(actor, create_ticket, draft)
        await desk.stop()


async def _work_through(place: Place, crew: Crew, url: str, troubles: list[Fault]) -> None:
    """Let people work while one trouble comes after the other; when all is well again, they finish."""
    begun = asyncio.get_running_loop().time()

    async def happen(fault: Fault) -> None:
        await asyncio.sleep(begun + fault.at - asyncio.get_running_loop().time())
        await place.befall(fault)

    working = asyncio.create_task(crew.work(url))
    try:
        async with asyncio.TaskGroup() as group:
            for fault in troubles:
                group.create_task(happen(fault))
            group.create_task(asyncio.sleep(SECONDS))
        await eventually(crew.notes.enough)
        async with asyncio.timeout(60):
            await crew.stop(url)
            await working
    finally:
        working.cancel()


@asynccontextmanager
async def _logs_kept(place: Place, name: str) -> AsyncIterator[None]:
    """Keep the services' logs, however it ends, where ``FAULT_LOGS`` names a folder."""
    try:
        yield
    finally:
        if where := os.environ.get("FAULT_LOGS"):
            folder = Path(where) / name
            folder.mkdir(parents=True, exist_ok=True)
            for log in place.cluster.folder.glob("*.log"):
                shutil.copy(log, folder / log.name)
