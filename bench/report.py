"""What a bench has measured: said as it is found, and written into docs/speed.md as a table of its own."""

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "speed.md"


def machine() -> str:
    """Say what was measured on, and when."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores {model}, {versions}"


class Report:
    """Lines of a table."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, what: str, measured: str, goal: str, kept: bool) -> None:
        """Say what was measured, and whether it is as good as its goal."""
        self.rows.append((what, measured, goal, "yes" if kept else "**no**"))
        print(f"{what}: {measured} (goal {goal}) {'' if kept else '  <-- MISSED'}", flush=True)

    def note(self, what: str, measured: str) -> None:
        """Say what was measured beside, and has no goal."""
        self.rows.append((what, measured, "", ""))
        print(f"{what}: {measured}", flush=True)

    def markdown(self) -> str:
        """Return the table."""
        lines = ["| what | measured | goal | kept |", "|---|---|---|---|"]
        return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in self.rows)]) + "\n"

    def write(self, name: str, with_what: str) -> None:
        """Put the table in the place of the one called ``name`` in docs/speed.md. Raises ``ValueError`` for no such."""
        page = PAGE.read_text()
        begin, end = f"<!-- TABLE {name}: written by make bench -->", f"<!-- END {name} -->"
        head, found, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{PAGE.name} has no place for the table {name}: {begin} … {end}")
        PAGE.write_text(f"{head}{begin}\n\n{machine()}, {with_what}.\n\n{self.markdown()}\n{end}{tail}")
