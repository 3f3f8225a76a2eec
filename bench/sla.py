"""The SLA engine: deadlines a second, and the longest wait for one. ``python -m bench.sla``."""

import random
import time
from datetime import date

from answerable.kernel.times import DAY, HOUR, MINUTE
from answerable.sla.rules import Calendar, OpenTime, Stop, Window, day_of, due

FIRST = day_of(date(2026, 1, 1))
OFFICE = (Window(540, 720), Window(780, 1020))
YEARS = 100


def usual() -> Calendar:
    """Five days a week with a lunch break, and twelve holidays a year for ten years."""
    holidays = {FIRST + 365 * year + 29 * number: "Holiday" for year in range(10) for number in range(12)}
    return Calendar(zone="Europe/Berlin", week=(OFFICE,) * 5 + ((),) * 2, holidays=holidays)


def hostile() -> dict[str, Calendar]:
    """One minute a year, written in three ways."""
    minute = (Window(540, 541),)
    days = range(FIRST, FIRST + 365 * YEARS)
    return {
        "special days": Calendar(zone="Europe/Berlin", special=dict.fromkeys(days[::365], minute)),
        "Mondays but for 51 holidays": Calendar(
            zone="Europe/Berlin",
            week=(minute, *((),) * 6),
            holidays=dict.fromkeys((day for day in days if (day - FIRST) % 364 > 6), ""),
        ),
        "all days but for 364 holidays": Calendar(
            zone="Europe/Berlin", week=(minute,) * 7, holidays=dict.fromkeys(set(days) - set(days[::365]), "")
        ),
    }


def deadlines(count: int = 200_000) -> None:
    """Print how many deadlines a second one core finds."""
    rng, hours = random.Random(1), OpenTime(usual())
    cases: list[tuple[int, int, list[Stop]]] = []
    for _ in range(count):
        start = (FIRST + 30) * DAY + rng.randrange(365 * DAY)
        stops: list[Stop] = [(start + HOUR, start + 2 * HOUR), (start + 20 * HOUR, start + 30 * HOUR)]
        cases.append((start, rng.randrange(1, 40 * 60) * MINUTE, stops))
    for name, pauses in (("without pauses", False), ("with two pauses", True)):
        begun = time.process_time()
        for start, target, stops in cases:
            due(start, stops if pauses else (), target, hours)
        print(f"deadlines of a usual calendar {name}: {count / (time.process_time() - begun):,.0f} a second")


def longest(tries: int = 21) -> None:
    """Print the median time of the first deadline of a calendar that opens for one minute a year."""
    for name, calendar in hostile().items():
        for target in (1, 10, 30):
            spans = []
            for _ in range(tries):
                hours = OpenTime(calendar)
                begun = time.process_time()
                assert due((FIRST + 1) * DAY, (), target * MINUTE, hours)
                spans.append(time.process_time() - begun)
            print(f"one minute a year ({name}), {target} to wait for: {sorted(spans)[tries // 2] * 1000:.2f} ms")


if __name__ == "__main__":
    deadlines()
    longest()
