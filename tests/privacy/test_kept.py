"""Every table has a line that says what it keeps of a person, and what erasing takes of it."""

import pytest

from answerable.mirror.rules import GROUPS
from tests.privacy.kept import ROW, Kept, looks_like_somebody, read_kept
from tests.world import World

LINES = {kept.table: kept for kept in read_kept()}


async def columns_of(world: World) -> dict[str, set[str]]:
    found = {
        table: {row["name"] for row in await world.sql(f"SELECT name FROM pragma_table_info('{table}')")}
        for table in await world.tables()
    }
    return found | {
        f"mirror {name}": {"_id"} | {field for group in groups.values() for field in group}
        for name, groups in GROUPS.items()
    }


def complaints(lines: dict[str, Kept], tables: dict[str, set[str]]) -> list[str]:
    """Return what is wrong with the page, a line each."""
    wrong = [f"{table}: add a line" for table in tables.keys() - lines.keys()]
    wrong += [f"{table}: is no more" for table in lines.keys() - tables.keys()]
    for table, columns in tables.items():
        kept = lines.get(table, Kept(table, frozenset(), frozenset(), "nothing"))
        named = kept.goes | kept.stays
        wrong += [f"{table}.{gone}: is no more" for gone in named - columns - {ROW}]
        wrong += [
            f"{table}.{column}: does it go, or stay, and why?"
            for column in columns - named
            if looks_like_somebody(table, column)
        ]
        if not kept.why:
            wrong.append(f"{table}: say why it stays")
    return sorted(wrong)


@pytest.mark.one_engine
async def test_each_table_and_each_column_of_a_person_is_in_the_page(world: World) -> None:
    tables = await columns_of(world)
    assert complaints(LINES, tables) == [], "correct docs/kept.md, and erase what has to go"
    tables["tickets_attachment"] = {"id", "person_id"}
    tables["tickets_ticket"].add("customer_id")
    del tables["tickets_draft"]
    assert complaints(LINES, tables) == [
        "tickets_attachment.person_id: does it go, or stay, and why?",
        "tickets_attachment: add a line",
        "tickets_draft: is no more",
        "tickets_ticket.customer_id: does it go, or stay, and why?",
    ]
