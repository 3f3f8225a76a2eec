"""The replay of an incident log: how it is read, what it should come to, and a proof that can fail."""

import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from click.testing import CliRunner

from answerable.commands import build
from answerable.commands.replay import QUIET, play
from answerable.commands.replay import drive as driving
from answerable.commands.replay.drive import Played, Replay
from answerable.commands.replay.expected import Outcome, outcome
from answerable.commands.replay.log import COLUMNS, Incident, Row, read_log
from answerable.commands.replay.proof import Proof, prove
from answerable.infra.stage import Stage
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import iso, parse_iso
from answerable.kernel.tx import Tx
from tests.world import TESTER, World, open_world_after, settings_for

MADE_UP = Path(__file__).parent / "incidents.csv"
ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "uci_incidents" / "incident_event_log.zip"

HEADER = ",".join(COLUMNS)
LINE = {
    "number": "INC1",
    "incident_state": "New",
    "sys_mod_count": "0",
    "caller_id": "Caller 1",
    "opened_at": "29/2/2016 01:16",
    "sys_updated_at": "29/2/2016 01:23",
    "category": "Category 55",
    "priority": "3 - Moderate",
    "assigned_to": "?",
}


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A replay keeps quiet for its whole process; here it shares one."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def line(**changes: str) -> str:
    """Return a line of a log, of the columns that are read."""
    return ",".join((LINE | changes).values())


def write(folder: Path, *lines: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((HEADER, *lines)) + "\n")
    return path


# --- reading ---------------------------------------------------------------------------------------------------------


def test_the_made_up_incidents_have_the_shape_of_the_real_ones() -> None:
    header, *lines = MADE_UP.read_text().splitlines()
    assert len(header.split(",")) == 36
    assert all(len(text.split(",")) == 36 for text in lines)
    incidents = read_log(MADE_UP)
    assert [incident.number for incident in incidents] == [f"INC90000{n:02}" for n in range(1, 13)]
    assert len(read_log(MADE_UP, limit=5)) == 5
    assert [incident.number for incident in read_log(MADE_UP, limit=2)] == ["INC9000001", "INC9000002"]


@pytest.mark.one_engine
def test_a_line_is_read_with_its_times_day_first_and_utc(tmp_path: Path) -> None:
    (incident,) = read_log(write(tmp_path, line(opened_at="3/2/2016 23:59", sys_updated_at="04/02/2016 00:00")))
    assert (iso(incident.opened_at), incident.caller) == ("2016-02-03T23:59:00Z", "Caller 1")
    (row,) = incident.rows
    assert row == Row(parse_iso("2016-02-04"), 0, "NEW", "", "MEDIUM", "CATEGORY_55")


@pytest.mark.one_engine
def test_a_question_mark_is_nothing(tmp_path: Path) -> None:
    (incident,) = read_log(write(tmp_path, line(caller_id="?", category="?", assigned_to="?", incident_state="?")))
    assert incident.caller == ""
    assert (incident.rows[0].agent, incident.rows[0].category, incident.rows[0].state) == ("", "OTHER", "")


@pytest.mark.one_engine
def test_the_state_minus_100_is_nothing_too(tmp_path: Path) -> None:
    (incident,) = read_log(write(tmp_path, line(), line(incident_state="-100", sys_mod_count="1")))
    assert [row.state for row in incident.rows] == ["NEW", ""]


@pytest.mark.one_engine
def test_every_way_of_waiting_is_waiting(tmp_path: Path) -> None:
    for state in ("User Info", "Vendor", "Problem", "Evidence"):
        (incident,) = read_log(write(tmp_path, line(incident_state=f"Awaiting {state}")))
        assert incident.rows[0].state == "AWAITING"


@pytest.mark.one_engine
def test_lines_out_of_order_and_of_one_minute_are_put_in_order(tmp_path: Path) -> None:
    minute = {"sys_updated_at": "1/3/2016 10:00"}
    path = write(
        tmp_path,
        line(incident_state="Closed", sys_mod_count="10", **minute),
        line(incident_state="Resolved", sys_mod_count="9", **minute),
        line(number="INC2", sys_updated_at="1/3/2016 11:00"),
        line(incident_state="Active", sys_mod_count="2", sys_updated_at="1/3/2016 09:00"),
        line(sys_mod_count="0"),
    )
    first, second = read_log(path)
    assert [row.state for row in first.rows] == ["NEW", "ACTIVE", "RESOLVED", "CLOSED"], "9 comes before 10"
    assert len(second.rows) == 1


@pytest.mark.one_engine
def test_an_incident_opens_with_its_first_line_at_the_latest(tmp_path: Path) -> None:
    (incident,) = read_log(write(tmp_path, line(opened_at="5/3/2016 10:00", sys_updated_at="1/3/2016 10:00")))
    assert iso(incident.opened_at) == "2016-03-01T10:00:00Z"


@pytest.mark.one_engine
def test_the_future_that_leaks_into_the_past_is_not_read(tmp_path: Path) -> None:
    """closed_at, resolved_at, resolved_by and made_sla stand on every line from the first one on."""
    text = MADE_UP.read_text().splitlines()
    header = text[0].split(",")
    leaks = [header.index(name) for name in ("closed_at", "resolved_at", "resolved_by", "closed_code", "made_sla")]
    changed = [text[0]]
    for each in text[1:]:
        cells = each.split(",")
        for place in leaks:
            cells[place] = "nonsense"
        changed.append(",".join(cells))
    path = tmp_path / "changed.csv"
    path.write_text("\n".join(changed) + "\n")
    assert read_log(path) == read_log(MADE_UP)


@pytest.mark.one_engine
def test_columns_are_found_by_name_and_zip_and_csv_read_alike(tmp_path: Path) -> None:
    turned = tmp_path / "turned.csv"
    turned.write_bytes(
        b"\xef\xbb\xbf"
        + "\r\n".join(",".join(reversed(text.split(","))) for text in MADE_UP.read_text().splitlines()).encode()
    )
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(MADE_UP, "folder/Incidents.CSV")
        archive.writestr("README.txt", "not a log")
    assert read_log(turned) == read_log(packed) == read_log(MADE_UP)


@pytest.mark.one_engine
def test_quoted_cells_may_hold_commas(tmp_path: Path) -> None:
    (incident,) = read_log(write(tmp_path, line(caller_id='"Caller, the ""first"""')))
    assert incident.caller == 'Caller, the "first"'


BAD_LOGS: list[tuple[str, list[str], str]] = [
    ("missing column", [HEADER.replace("priority", "prio"), line()], "line 1: the column priority is missing"),
    ("empty", [], "line 1: the column number is missing"),
    ("header only", [HEADER], "holds no incident"),
    ("bad date", [HEADER, line(), line(sys_updated_at="2016-02-29 01:16")], "line 3: sys_updated_at: '2016-02-29"),
    ("month first", [HEADER, line(opened_at="2/29/2016 01:16")], "line 2: opened_at: '2/29/2016 01:16'"),
    ("no date", [HEADER, line(sys_updated_at="?")], "line 2: sys_updated_at: '?'"),
    ("unknown state", [HEADER, line(), line(incident_state="Sleeping")], "line 3: incident_state: unknown state 'Sl"),
    ("unknown priority", [HEADER, line(priority="5 - None")], "line 2: priority: unknown priority '5 - None'"),
    ("no count", [HEADER, line(sys_mod_count="-1")], "line 2: sys_mod_count: '-1' is not a number"),
    ("huge count", [HEADER, line(sys_mod_count="9" * 5000)], "line 2: sys_mod_count: "),
    ("no number", [HEADER, line(number="?")], "line 2: number: "),
    ("empty number", [HEADER, line(number="")], "line 2: number: "),
    ("endless number", [HEADER, line(number="I" * 500)], "line 2: number: "),
    ("short row", [HEADER, line(), "INC1,New,1"], "line 3: has 3 values, the header names 9"),
    ("long row", [HEADER, line() + ",more"], "line 2: has 10 values, the header names 9"),
    ("open quote", [HEADER, line(caller_id='"Caller')], "line 2: "),
    ("long line", [HEADER, line(), line(caller_id="x" * 100_001)], "line 3: is longer than 100000 characters"),
]


@pytest.mark.one_engine
@pytest.mark.parametrize(("lines", "words"), [case[1:] for case in BAD_LOGS], ids=[case[0] for case in BAD_LOGS])
def test_what_is_not_a_log_is_refused_by_file_and_line(tmp_path: Path, lines: list[str], words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(Invalid) as refused:
        read_log(path)
    assert refused.value.message.startswith(f"{path}: ")
    assert words in refused.value.message
    assert len(refused.value.message) < 500


def damaged(archive: bytes) -> bytes:
    return archive[:100] + bytes(byte ^ 0xFF for byte in archive[100:200]) + archive[200:]


BAD_FILES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda archive: archive[: len(archive) // 2],
    "damaged": damaged,
    "directory damaged": lambda archive: archive.replace(b"PK\x01\x02", b"PK\x09\x09"),
    "not text": lambda _: b"\xff\xfe\x00binary" * 50,
    "a zip's end only": lambda _: b"PK\x05\x06" + bytes(18),
}


@pytest.mark.one_engine
@pytest.mark.parametrize("spoil", BAD_FILES.values(), ids=BAD_FILES)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    good = tmp_path / "good.zip"
    with zipfile.ZipFile(good, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(MADE_UP, "log.csv")
    path = tmp_path / "bad.zip"
    path.write_bytes(spoil(good.read_bytes()))
    with pytest.raises(Invalid) as refused:
        read_log(path)
    assert str(path) in refused.value.message


@pytest.mark.one_engine
def test_a_zip_of_two_logs_is_ambiguous(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(MADE_UP, "one.csv")
        archive.write(MADE_UP, "two.csv")
    with pytest.raises(Invalid, match="must hold one CSV file, holds 2"):
        read_log(path)
    with pytest.raises(Invalid, match="cannot be read"):
        read_log(tmp_path)


@pytest.mark.one_engine
def test_a_zip_under_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(MADE_UP, "log.csv")
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1  # the flag of encryption
    path.write_bytes(data)
    with pytest.raises(Invalid, match="password"):
        read_log(path)


@pytest.mark.one_engine
def test_the_command_says_what_is_wrong_and_exits_1(tmp_path: Path) -> None:
    path = write(tmp_path, line(incident_state="Sleeping"))
    result = subprocess.run(
        [sys.executable, "-m", "answerable", "replay", str(path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "line 2: incident_state: unknown state 'Sleeping'" in result.stderr
    assert "Traceback" not in result.stderr


# --- what the log says -----------------------------------------------------------------------------------------------


def story(*steps: tuple[int, str, str]) -> Incident:
    """Return an incident of some minutes, states and assignees."""
    rows = [Row(minute * 60_000_000, n, state, agent, "LOW", "OTHER") for n, (minute, state, agent) in enumerate(steps)]
    return Incident("INC1", "Caller", 0, rows)


STORIES: list[tuple[list[tuple[int, str, str]], Outcome]] = [
    ([(0, "NEW", "")], Outcome(("CREATED", "ASSIGNED"), "", 0, 0)),
    ([(0, "", "")], Outcome(("CREATED", "ASSIGNED"), "", 0, 0)),
    ([(0, "NEW", "A"), (1, "ACTIVE", "B"), (2, "RESOLVED", "")], Outcome(("RESOLVED",), "B", 0, 0)),
    ([(0, "RESOLVED", "A"), (1, "CLOSED", "A"), (2, "CLOSED", "B")], Outcome(("CLOSED",), "B", 0, 0)),
    (
        [(0, "RESOLVED", ""), (1, "ACTIVE", ""), (2, "CLOSED", ""), (3, "NEW", "")],
        Outcome(("CREATED", "ASSIGNED"), "", 2, 0),
    ),
    ([(0, "RESOLVED", ""), (1, "", ""), (2, "AWAITING", "")], Outcome(("WAITING",), "", 1, 1)),
    ([(0, "AWAITING", ""), (1, "AWAITING", ""), (2, "", ""), (3, "AWAITING", "")], Outcome(("WAITING",), "", 0, 1)),
    ([(0, "AWAITING", ""), (1, "ACTIVE", ""), (2, "AWAITING", "")], Outcome(("WAITING",), "", 0, 2)),
    ([(0, "AWAITING", ""), (1, "ACTIVE", ""), (1, "AWAITING", "")], Outcome(("WAITING",), "", 0, 1)),
    ([(0, "AWAITING", ""), (1, "RESOLVED", ""), (5, "CLOSED", "")], Outcome(("CLOSED",), "", 0, 1)),
]


@pytest.mark.parametrize(("steps", "wanted"), STORIES)
def test_what_an_incident_came_to_by_the_log_alone(steps: list[tuple[int, str, str]], wanted: Outcome) -> None:
    assert outcome(story(*steps)) == wanted


def test_what_the_made_up_incidents_came_to() -> None:
    found = {incident.number[-2:]: outcome(incident) for incident in read_log(MADE_UP)}
    closed = ("CLOSED",)
    assert found == {
        "01": Outcome(closed, "Resolver 1", 0, 0),
        "02": Outcome(closed, "Resolver 3", 0, 0),
        "03": Outcome(closed, "Resolver 3", 2, 0),
        "04": Outcome(closed, "Resolver 1", 0, 2),
        "05": Outcome(closed, "Resolver 4", 0, 1),
        "06": Outcome(closed, "Resolver 2", 0, 0),
        "07": Outcome(closed, "", 0, 0),
        "08": Outcome(closed, "Resolver 4", 0, 0),
        "09": Outcome(closed, "Resolver 1", 0, 0),
        "10": Outcome(closed, "Resolver 2", 0, 0),
        "11": Outcome(closed, "Resolver 5", 0, 1),
        "12": Outcome(("WAITING",), "Resolver 5", 0, 2),
    }


# --- playing and proving ---------------------------------------------------------------------------------------------


async def test_the_made_up_incidents_are_played_without_a_difference(tmp_path: Path) -> None:
    incidents = read_log(MADE_UP)
    played, proof = await play(settings_for(tmp_path, **QUIET), incidents, show_progress=False)
    assert proof.differences == []
    assert all(differ == 0 for _, differ in proof.checks.values())
    assert proof.checks["final status equals the log"] == (12, 0)
    assert set(proof.checks) == {
        "final status equals the log",
        "last assignee equals the log",
        "reopenings equal the log",
        "waiting periods equal the log",
        "messages in sequence, caused and readable",
        "features agree with their own recount",
        "report figures equal a recount of the tickets",
    }
    # What the log leaves out and the life cycle needs, counted by hand.
    assert played.counts == {
        "tickets raised": 12,
        "assigned": 17,
        "reopened": 3,
        "status set": 43,
        "priority or category changed": 2,
        "rows without a state": 2,
        "inserted: assigned": 2,  # 7 and 11 name nobody where work begins
        "inserted: in progress": 12,
        "inserted: waiting": 1,  # 5 goes on waiting with another agent
        "inserted: resolved": 4,  # 7, and what 8 and 11 name too late
        "inserted: closed": 1,
    }
    assert played.late_assignments == {"INC9000008": 2, "INC9000011": 1}
    assert {name for name in played.people if name.startswith("USER")} == {
        *(f"USER Caller {n}" for n in range(1, 8)),
        "USER (unknown caller)",
    }
    assert len([name for name in played.people if name.startswith("AGENT Resolver")]) == 5


async def test_the_desk_lived_through_it_at_the_logs_times(tmp_path: Path) -> None:
    async with replayed(tmp_path) as (world, played, _):
        ticket = played.tickets["INC9000004"]
        history = await world.sql(
            "SELECT description, created_at FROM tickets_history WHERE ticket_id = :id ORDER BY id", id=ticket.id
        )
        assert [(row["description"], iso(row["created_at"])) for row in history] == [
            ("Ticket raised", "2016-03-01T09:30:00Z"),
            ("Assigned to Resolver 1", "2016-03-01T09:30:00Z"),
            ("Status ASSIGNED → IN_PROGRESS", "2016-03-01T09:30:00Z"),
            ("Status IN_PROGRESS → WAITING", "2016-03-01T10:00:00Z"),
            ("Status WAITING → IN_PROGRESS", "2016-03-02T09:00:00Z"),
            ("Status IN_PROGRESS → WAITING", "2016-03-02T09:20:00Z"),
            ("Status WAITING → RESOLVED", "2016-03-03T09:00:00Z"),
            ("Status RESOLVED → CLOSED", "2016-03-08T09:00:00Z"),
        ]
        breaches = await world.sql("SELECT id, sla_breached FROM tickets_ticket")
        late = {row["id"] for row in breaches if row["sla_breached"]}
        assert played.tickets["INC9000002"].id in late, "raised at 8:01, MEDIUM, resolved the next day"
        assert ticket.id not in late, "it waited, the clock stood"
        assert await world.sql("SELECT * FROM notifications_delivery WHERE state = 'SENT' AND channel = 'email'") == []


@asynccontextmanager
async def replayed(folder: Path) -> AsyncIterator[tuple[World, Played, list[Incident]]]:
    """A desk on which the made-up incidents were played, to be looked at and tampered with."""
    quiet: Any = QUIET
    async with open_world_after(all_was_played, folder / "desk", **quiet) as (world, (played, incidents)):
        yield world, played, incidents


async def all_was_played(world: World) -> tuple[Played, list[Incident]]:
    """Play the made-up incidents."""
    incidents = read_log(MADE_UP)
    replay = Replay(Stage(world.db, world.desk.bus, world.desk.timers, world.clock), incidents)
    await replay.cast()
    for step in replay.lines():
        await replay.play(*step)
    return replay.played, incidents


STATUS, AGENT = "final status equals the log", "last assignee equals the log"
REOPENED, WAITED = "reopenings equal the log", "waiting periods equal the log"
WHOLE, AUDIT = "messages in sequence, caused and readable", "features agree with their own recount"
REPORTS = "report figures equal a recount of the tickets"
TAMPERING: dict[str, tuple[str, set[str]]] = {
    "another end": ("UPDATE tickets_ticket SET status = 'RESOLVED' WHERE id = :id", {STATUS, REPORTS}),
    "another agent": ("UPDATE tickets_ticket SET agent_id = 'replay-agent-3' WHERE id = :id", {AGENT}),
    "no agent": ("UPDATE tickets_ticket SET agent_id = NULL WHERE id = :id", {AGENT}),
    "another priority": ("UPDATE tickets_ticket SET priority = 'LOW' WHERE id = :id", {REPORTS}),
    "another time": ("UPDATE tickets_ticket SET resolved_at = resolved_at + 60000000 WHERE id = :id", {REPORTS}),
    "a breach": ("UPDATE tickets_ticket SET sla_breached = 1 - sla_breached WHERE id = :id", {REPORTS}),
    "a report": ("UPDATE reporting_count SET tickets = tickets + 1 WHERE status = 'CLOSED'", {AUDIT, REPORTS}),
    "an agent's load": ("UPDATE assignment_agent SET open_tickets = 1, load = 1 WHERE id = 'replay-agent-3'", {AUDIT}),
    "a waiting forgotten": (
        'DELETE FROM bus_outbox WHERE key = :id AND body LIKE \'%"status":"WAITING"}\'',
        {WAITED, WHOLE},
    ),
    "a waiting too many": (
        """UPDATE bus_outbox SET body = replace(body, '"status":"CLOSED"}', '"status":"WAITING"}')
        WHERE key = :id AND type = 'STATUS_CHANGED'""",
        {WAITED},
    ),
    "a reopening forgotten": ("DELETE FROM bus_outbox WHERE type = 'TICKET_REOPENED'", {REOPENED, WHOLE}),
    "a message lost": ("DELETE FROM bus_outbox WHERE type = 'TICKET_CREATED' AND key = :id", {WHOLE}),
    "a message left out": (
        "UPDATE bus_outbox SET sequence = sequence + 1 WHERE type = 'TICKET_CLOSED' AND key = :id",
        {WHOLE},
    ),
    "a message unreadable": ("UPDATE bus_outbox SET body = '{}' WHERE type = 'TICKET_CLOSED' AND key = :id", {WHOLE}),
    "a cause missing": ("UPDATE bus_outbox SET cause = 'nothing', depth = 1 WHERE type = 'TICKET_CLOSED'", {WHOLE}),
}


@pytest.mark.parametrize(("statement", "checks"), TAMPERING.values(), ids=TAMPERING)
async def test_the_proof_fails_where_anything_was_tampered_with(
    tmp_path: Path, statement: str, checks: set[str]
) -> None:
    async with replayed(tmp_path) as (world, played, incidents):
        assert (await prove(world.desk, incidents, played)).differences == []

        async def tamper(tx: Tx) -> None:
            ticket = played.tickets["INC9000004"]
            await tx.run(statement, **({"id": ticket.id} if ":id" in statement else {}))

        await world.db.write(TESTER, tamper)
        proof = await prove(world.desk, incidents, played)
        assert {what for what, (_, differ) in proof.checks.items() if differ} >= checks
        assert proof.differences


async def test_the_proof_fails_where_the_log_says_something_else(tmp_path: Path) -> None:
    async with replayed(tmp_path) as (world, played, incidents):

        async def proven(**changes: Any) -> Proof:
            other = [Incident(i.number, i.caller, i.opened_at, list(i.rows)) for i in incidents]
            last = other[0].rows[-1]
            values = {name: changes.get(name, getattr(last, name)) for name in last.__slots__}
            other[0].rows.append(Row(**values))
            return await prove(world.desk, other, played)

        assert (await proven()).differences == []
        assert (await proven(state="AWAITING")).differences == [
            "INC9000001: is CLOSED, the log ends WAITING",
            "INC9000001: was reopened 0 times, in the log 1",
            "INC9000001: waited 0 times, in the log 1",
        ]
        assert (await proven(agent="Resolver 9")).differences == [
            "INC9000001: is with Resolver 1, the log names Resolver 9"
        ]


async def test_only_an_empty_desk_is_played_on(tmp_path: Path) -> None:
    incidents = read_log(MADE_UP, limit=1)
    await play(settings_for(tmp_path, **QUIET), incidents, show_progress=False)
    with pytest.raises(Conflict, match="holds a desk already"):
        await play(settings_for(tmp_path, **QUIET), incidents, show_progress=False)


def test_the_command_prints_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = CliRunner().invoke(build(), ["replay", str(MADE_UP), "--data-dir", str(tmp_path / "desk")])
    assert table.exit_code == 0, table.output
    assert "waiting periods equal the log" in table.output
    assert "12 incidents in " in table.output
    shown = CliRunner().invoke(build(), ["replay", str(MADE_UP), "--json", "--limit", "3"])
    assert shown.exit_code == 0, shown.output
    found = msgspec.json.decode(shown.stdout)
    assert (found["incidents"], found["differences"], found["did"]["tickets raised"]) == (3, [], 3)
    # One wrong agent, and it exits 1 and says which.
    monkeypatch.setattr(driving, "STAND_IN", "Resolver 2")
    failed = CliRunner().invoke(build(), ["replay", str(MADE_UP), "--json"])
    assert failed.exit_code == 1, failed.output
    found = msgspec.json.decode(failed.stdout)
    assert any("INC9000007" in difference for difference in found["differences"])


@pytest.mark.slow
@pytest.mark.one_engine  # a minute and a half on PostgreSQL, for what the made-up incidents prove there too
async def test_the_real_log_is_proven(tmp_path: Path) -> None:
    if not REAL.exists():
        reason = f"LOUD: the real incident log is not here ({REAL}); 500 of its incidents were NOT replayed."
        if os.environ.get("TESTS_INSIST"):
            pytest.fail(reason)
        pytest.skip(reason)
    incidents = read_log(REAL, limit=500)
    assert len(incidents) == 500
    played, proof = await play(settings_for(tmp_path, **QUIET), incidents, show_progress=False)
    assert proof.differences == []
    assert proof.checks[STATUS] == proof.checks[AGENT] == proof.checks[REOPENED] == proof.checks[WAITED] == (500, 0)
    assert proof.checks[WHOLE][0] > 10_000
    assert played.counts["tickets raised"] == 500
    assert played.counts["reopened"] > 0
