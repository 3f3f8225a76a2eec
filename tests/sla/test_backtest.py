"""The back-test: what has held gives every live verdict again, a draft says what would be otherwise."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from answerable.commands import build
from answerable.infra.bus.open import open_history
from answerable.kernel.span import Span
from answerable.sla.actions.terms import change_terms
from answerable.sla.queries import apart
from answerable.sla.queries.backtest import BacktestView, backtest, differences
from answerable.sla.rules import edits
from answerable.sla.rules.replay import TYPES
from answerable.sla.rules.toml import read_toml
from tests.patience import PATIENCE
from tests.sla.stories import START, Story, at, clock_of
from tests.world import TESTER, World, open_world

DESK = (Path(__file__).parent / "desk.toml").read_text()
STATUSES = ("ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "CANCELLED", "CREATED")
EDITIONS = (
    DESK,
    DESK.replace('HIGH = "8h"', 'HIGH = "3h"'),
    DESK.replace('reopen = "anew"', ""),
    DESK.replace('wed = ["09:00-12:00", "13:00-17:00"]', 'wed = ["11:00-12:00"]'),
    DESK[: DESK.index('[[policies]]\nname = "Office"')],
)
HASTY = """[[policies]]
name = "Hasty"
when = { category = ["HARDWARE"] }
[policies.targets.RESOLUTION]
calendars = ["always"]
times = { HIGH = "9h" }

[[policies]]
name = "Patient"
[policies.targets.RESOLUTION]
calendars = ["always"]
times = { HIGH = "9h" }
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk") as opened:
        yield opened


async def apply(world: World, text: str, ahead: int = 0) -> None:
    at_ = world.clock.now + ahead if ahead else None
    await world.db.write(TESTER, change_terms, edits.all_new(read_toml(text.encode())), at_)
    await world.settle()


async def replayed(world: World) -> list[str]:
    return (await differences(world.db, open_history(world.desk.settings, world.db, TYPES)))[1]


async def drafted(world: World, text: str, start: int | None = None, end: int | None = None) -> BacktestView:
    history = open_history(world.desk.settings, world.db, TYPES)
    return await backtest(world.db, history, read_toml(text.encode()), Span(start, end))


@pytest.mark.parametrize("seed", range(8))
async def test_what_has_held_gives_every_live_verdict_again(world: World, seed: int) -> None:
    rng = random.Random(seed)
    stories: list[Story] = []
    for step in range(70):
        await world.advance(minutes=rng.choice((0, 1, 17, 60, 60, 240, 900)))
        if step % 16 == 9:
            await world.advance(seconds=1)
            if not await world.sql("SELECT 1 AS n FROM sla_edition WHERE effective_from > :n", n=world.clock.now):
                await apply(world, rng.choice(EDITIONS), rng.choice((0, 0, 90_000_000, 7_200_000_000)))
        if len(stories) < 6 or rng.random() < 0.1:
            story = Story(world, f"t{len(stories)}", rng.choice(("LOW", "MEDIUM", "HIGH", "CRITICAL")))
            stories.append(await story.raised())
        story = rng.choice(stories)
        match rng.randrange(6):
            case 0:
                await story.answered(internal=rng.random() < 0.2)
            case 1:
                await story.asked()
            case 2:
                await story.becomes_priority(rng.choice(("LOW", "MEDIUM", "HIGH", "CRITICAL")))
            case 3:
                await story.becomes_category(rng.choice(("HARDWARE", "NETWORK")))
            case _:
                wanted = rng.choice(STATUSES)
                if wanted != story.ref.status:
                    await story.becomes(wanted)
    await world.advance(days=rng.choice((0, 1, 9)))
    await world.advance(seconds=1)
    assert await replayed(world) == []
    assert await world.desk.audit() == []
    assert len(await world.sql("SELECT id FROM sla_clock")) >= 12


@pytest.mark.parametrize("timers_are_late", [False, True])
async def test_an_edition_meets_the_category_that_the_ticket_had_then(world: World, timers_are_late: bool) -> None:
    """Terms come between two messages, then the category changes: what was promised between is that of the old one."""
    hasty = DESK[: DESK.index("[[policies]]")] + HASTY
    await apply(world, hasty)
    story = await Story(world, "t1").raised()
    await apply(world, hasty.replace('HIGH = "9h"', 'HIGH = "30m"', 1), 3_600_000_000)  # an hour later, broken at once
    if timers_are_late:
        world.clock.now += 2 * 3_600_000_000
    else:
        await world.advance(hours=2)
    await story.becomes_category("NETWORK")
    await world.advance(seconds=1)
    clock = await clock_of(world, "RESOLUTION")
    assert clock.breached_at == at("10:00"), "with the terms of HARDWARE, at the instant from which they held"
    assert (clock.policy, clock.due_at) == ("Patient", at("18:00"))
    assert await replayed(world) == []
    assert await world.desk.audit() == []


async def test_a_draft_says_what_would_be_otherwise(world: World) -> None:
    late = await Story(world, "t1").raised()
    await late.answered()
    await world.advance(hours=5)
    await late.becomes("RESOLVED")
    quick = await Story(world, "t2").raised()
    await quick.answered()
    await world.advance(minutes=30)
    await quick.becomes("RESOLVED")
    messages, rows = await world.log(), await world.sql("SELECT * FROM sla_metric ORDER BY clock_id, number")
    found = await drafted(world, DESK)
    figures = {
        (each.by, each.name, each.target): (each.current.kept, each.current.broken, each.draft.kept, each.draft.broken)
        for each in found.comparisons
    }
    assert figures["all", "", "RESOLUTION"] == figures["priority", "HIGH", "RESOLUTION"] == (1, 1, 2, 0)
    assert figures["all", "", "FIRST_RESPONSE"] == figures["week", "2026-W10", "FIRST_RESPONSE"] == (2, 0, 2, 0)
    changed = [(each.ticket_id, each.target, each.current, each.draft) for each in found.changed]
    assert changed == [("t1", "RESOLUTION", "BROKEN", "KEPT")]
    assert (found.changed[0].current_due_at, found.changed[0].draft_due_at) == (
        "2026-03-02T13:00:00Z",
        "2026-03-04T10:00:00Z",
    )
    assert (found.tickets, found.changed_total, found.lost) == (2, 1, "")
    assert await world.log() == messages
    assert await world.sql("SELECT * FROM sla_metric ORDER BY clock_id, number") == rows
    assert await world.sql("SELECT * FROM sla_edition") == []
    only_first = await drafted(world, DESK, None, START + 1)
    assert only_first.tickets == 1
    assert (await drafted(world, DESK, at("23:00"))).comparisons == []


@pytest.mark.one_engine
def test_at_a_prompt(tmp_path: Path) -> None:
    desk, draft = tmp_path / "desk", tmp_path / "draft.toml"
    draft.write_text(DESK)

    async def live(spoil: str = "") -> None:
        async with open_world(desk) as world:
            if not spoil:
                story = await Story(world).raised()
                await world.advance(hours=5)
                await story.becomes("RESOLVED")
                return

            async def change(tx: object) -> None:
                await tx.run(spoil)  # type: ignore[attr-defined]

            await world.db.write(TESTER, change)

    def command(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(build(), ["sla", "backtest", "--data-dir", str(desk), *words])
        return done.exit_code, done.output

    asyncio.run(live())
    code, told = command()
    assert (code, told.splitlines()[-1]) == (0, "2 verdicts replayed: no difference.")
    code, told = command("--policy", str(draft))
    assert code == 0
    assert "#1001 HIGH RESOLUTION BROKEN -> KEPT" in told
    assert all(word in told for word in ("nobody ", "FIRST_RESPONSE ")), "in a pipe nothing is cut off"
    assert "1 tickets replayed: 1 verdicts would be others." in told
    seen = msgspec.json.decode(command("--policy", str(draft), "--json")[1].splitlines()[-1])
    assert (seen["tickets"], seen["changedTotal"]) == (1, 1)
    draft.write_text(DESK.replace('"Europe/Berlin"', '"Berlin"'))
    assert "line 4: calendars[0].zone" in command("--policy", str(draft))[1]
    asyncio.run(live("UPDATE sla_clock SET breached_at = NULL WHERE target = 'RESOLUTION'"))
    code, told = command()
    assert code == 1
    assert "RESOLUTION 1 of ticket t1: FULFILLED None, the log says" in told


def test_a_replay_that_wants_all_memory_ends_itself_and_nothing_else() -> None:
    wants = f"from {apart.__name__} import bound_memory; bound_memory(); bytearray({apart.MOST_MEMORY})"
    ended = subprocess.run([sys.executable, "-c", wants], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, "MemoryError")
