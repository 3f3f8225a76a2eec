"""Exact business time: the vectors, the laws on random cases against a naive clock, and what a person would ask."""

import os
import random
from datetime import date
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.commands import build
from answerable.kernel.errors import Invalid
from answerable.kernel.times import HOUR, MINUTE, parse_iso
from answerable.sla.rules import Calendar, OpenTime, Window, day_of, due, elapsed, timeline, window
from answerable.sla.rules.vectors import due_of, read_vectors
from tests.sla import oracle
from tests.sla.oracle import Case, due_minute, make_case, micros, stops_of, worked_minutes

VECTORS = Path(__file__).parent / "data" / "vectors.json"
GIVEN = msgspec.json.decode(VECTORS.read_bytes())["vectors"]
CASES = int(os.environ.get("SLA_CASES", "20000"))
AT_ONCE = 20  # cases of one example
PARTS = max(4, CASES // 50_000)  # for as many workers


def engine(case: Case) -> OpenTime:
    """Say to the engine what the naive clock was told."""
    return OpenTime(
        *(
            Calendar(
                zone=hours.zone,
                week=tuple(tuple(map(sized, hours.week.get(day, []))) for day in range(7)),
                holidays={day_of(day): "" for day in hours.holidays},
                special={day_of(day): tuple(map(sized, windows)) for day, windows in hours.special.items()},
                always=hours.always,
            )
            for hours in case.hours
        )
    )


def sized(minutes: tuple[int, int]) -> Window:
    opens, closes = minutes
    return Window(opens, closes if closes > opens else closes + 1440)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_laws_hold_in_every_zone_and_equal_a_count_minute_by_minute(part: int) -> None:
    @settings(max_examples=CASES // AT_ONCE // PARTS, derandomize=True, deadline=None, database=None)
    @given(st.integers(0, 2**64 - 1))
    def hold(seed: int) -> None:
        rng = random.Random(seed * PARTS + part)
        for _ in range(AT_ONCE):
            hold_to_the_laws(make_case(rng), rng)

    hold()


def hold_to_the_laws(case: Case, rng: random.Random) -> None:
    hours, start, stops, target = engine(case), micros(case.start), stops_of(case), case.target * MINUTE
    found, counted = due(start, stops, target, hours), due_minute(case)
    end = start + oracle.LENGTH * MINUTE
    if counted is None:
        assert found is None or found > end, case
    else:
        assert found == start + counted * MINUTE, case
    marks = worked_minutes(case)
    until = rng.randrange(oracle.LENGTH)
    used = elapsed(start, stops, start + until * MINUTE, hours)
    assert used == marks[:until].count(1) * MINUTE, case
    later = due(start, stops, target + rng.randrange(1, 3000) * MINUTE, hours)
    if found is None:
        assert later is None or target == 0, "never is later than any time"
        return
    assert target == 0 or elapsed(start, stops, found, hours) == target, case
    assert later is None or found <= later, case
    begin = start + rng.randrange(oracle.LENGTH) * MINUTE
    stop = (begin, begin + rng.randrange(3000) * MINUTE)
    if target and begin < found:
        lost = elapsed(begin, stops, stop[1], hours)
        assert due(start, [*stops, stop], target, hours) == due(start, stops, target + lost, hours), case
    segments = timeline(start, stops, start + until * MINUTE, hours)
    assert sum(s.end - s.begin for s in segments if s.counts) == used
    edges = [start, *(s.end for s in segments)]
    assert [s.begin for s in segments] == edges[:-1]
    assert edges[-1] == start + until * MINUTE


@pytest.mark.parametrize("case", GIVEN, ids=lambda case: str(case["id"]))
def test_the_vectors(case: dict[str, object]) -> None:
    (vector,) = read_vectors(msgspec.json.encode([case]))
    expected = case["due_utc"]
    assert due_of(vector) == (None if expected is None else parse_iso(str(expected)))
    if vector.created_local:
        apart = msgspec.structs.replace(vector, created_utc=None, tz=str(case["tz"]))
        assert due_of(apart) == due_of(vector), "the local time and its fold say the same"


def test_the_command_prints_a_line_for_each_vector(tmp_path: Path) -> None:
    done = CliRunner().invoke(build(), ["sla", "due", str(VECTORS)])
    assert done.exit_code == 0
    assert [msgspec.json.decode(line) for line in done.stdout.splitlines()] == [
        {"id": case["id"], "due_utc": case["due_utc"]} for case in GIVEN
    ]
    for text, told in (
        ("{", "not a file of vectors"),
        ('{"vectors": [{"id": "a"}]}', "target_minutes` - at `$.vectors[0]`"),
        ('[{"id": "a", "target_minutes": 1}]', "Vector a: needs created_utc"),
        ('[{"id": "a", "target_minutes": 1, "created_utc": "soon"}]', "Vector a: "),
        ('[{"id": "a", "target_minutes": -1, "created_utc": "2026-01-01"}]', "Vector a: target_minutes is -1"),
        (
            '[{"id": "a", "target_minutes": 1, "created_utc": "2026-01-01", "calendars": [{"tz": "Mars/Base"}]}]',
            "Vector a: 'Mars/Base' is not a time zone",
        ),
        (
            '[{"id": "a", "target_minutes": 1, "created_utc": "2026-01-01",'
            '"calendars": [{"tz": "UTC", "week": {"0": [["9", "17:00"]]}}]}]',
            "Vector a: '9' is not a time such as 09:00",
        ),
    ):
        file = tmp_path / "file.json"
        file.write_text(text)
        done = CliRunner().invoke(build(), ["sla", "due", str(file)])
        assert done.exit_code == 1, text
        assert told in done.output
    assert "cannot be read" in CliRunner().invoke(build(), ["sla", "due", str(tmp_path / "none")]).output


BERLIN = Calendar(
    zone="Europe/Berlin",
    week=((window("09:00", "17:00"),),) * 5 + ((),) * 2,
    holidays={day_of(date(2026, 5, 25)): "Whit Monday"},
)


def test_a_time_line_says_why_time_did_not_count() -> None:
    start = parse_iso("2026-05-22T12:00:00Z")
    stop = (parse_iso("2026-05-26T08:00:00Z"), parse_iso("2026-05-26T09:30:00Z"))
    found = timeline(start, [stop], parse_iso("2026-05-26T18:00:00Z"), OpenTime(BERLIN))
    assert [(s.why, (s.end - s.begin) // MINUTE, s.detail) for s in found] == [
        ("OPEN", 180, ""),
        ("HOLIDAY", 5280, "2026-05-25 Whit Monday"),
        ("OPEN", 60, ""),
        ("PAUSED", 90, ""),
        ("OPEN", 330, ""),
        ("CLOSED", 180, ""),
    ]


def test_it_answers_the_same_whatever_was_asked_before() -> None:
    start = parse_iso("2026-06-03T08:00:00Z")
    asked = OpenTime(BERLIN)
    for year in (2050, 2026, 1990, 2035, 1971):
        again = start + (year - 2026) * 365 * 24 * HOUR
        assert asked.reach(again, 20 * HOUR) == OpenTime(BERLIN).reach(again, 20 * HOUR)
        assert asked.worked(again, start + 10**15) == OpenTime(BERLIN).worked(again, start + 10**15)


def test_what_never_opens_is_never_due() -> None:
    start = parse_iso("2026-06-03T08:00:00Z")
    once = Calendar(zone="Europe/Berlin", special={day_of(date(2027, 1, 4)): (window("09:00", "09:01"),)})
    assert due(start, [], MINUTE, OpenTime(once)) == parse_iso("2027-01-04T08:01:00Z")
    assert due(start, [], MINUTE + 1, OpenTime(once)) is None
    assert due(start, [], 1, OpenTime(Calendar())) is None
    assert due(start, [], 1, OpenTime()) is None
    assert due(start, [], 10**18, OpenTime(BERLIN)) is None, "in no time that anybody plans for"


@pytest.mark.parametrize("text", ["9", "24:01", "12:60", "-1:00", "１２:00", "", "12:0", "123:00"])
def test_what_is_not_a_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        window(text, "17:00")


def test_a_bad_file_names_the_place() -> None:
    with pytest.raises(Invalid, match="week has the day '7'"):
        due_of(
            read_vectors(
                b'[{"id":"x","target_minutes":1,"created_utc":"2026-01-01","calendars":[{"tz":"UTC","week":{"7":[]}}]}]'
            )[0]
        )
