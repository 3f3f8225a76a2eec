"""SQL for categories and for the mirror of people."""

from collections.abc import Sequence

from answerable.kernel.tx import Row, Tx


async def list_categories(tx: Tx) -> list[str]:
    """Read the category codes in their order."""
    return [row["code"] for row in await tx.run("SELECT code FROM tickets_category ORDER BY place, code")]


async def has_category(tx: Tx, code: str) -> bool:
    """Tell whether new tickets may have this category."""
    return bool(await tx.run("SELECT 1 AS found FROM tickets_category WHERE code = :code", code=code))


async def replace_categories(tx: Tx, codes: Sequence[str]) -> None:
    """Store the category codes in this order; tickets keep the one they have."""
    await tx.run("DELETE FROM tickets_category")
    for place, code in enumerate(codes):
        await tx.run("INSERT INTO tickets_category (code, place) VALUES (:code, :place)", code=code, place=place)


async def save_person(tx: Tx, person_id: str, name: str, is_agent: int, active: int, sequence: int) -> None:
    """Note a person as the users feature describes them in its message number ``sequence``."""
    await tx.run(
        """INSERT INTO tickets_known_person (id, name, is_agent, active, last_sequence)
        VALUES (:id, :name, :is_agent, :active, :sequence)
        ON CONFLICT (id) DO UPDATE
        SET name = :name, is_agent = :is_agent, active = :active, last_sequence = :sequence""",
        id=person_id,
        name=name,
        is_agent=is_agent,
        active=active,
        sequence=sequence,
    )


async def save_agent(tx: Tx, person_id: str, sequence: int) -> None:
    """Note that a message about a person that is still on its way says that they are an agent."""
    await tx.run(
        """INSERT INTO tickets_known_person (id, name, is_agent, active, last_sequence)
        VALUES (:id, '', 1, 1, :sequence)
        ON CONFLICT (id) DO UPDATE SET is_agent = 1, active = 1, last_sequence = :sequence""",
        id=person_id,
        sequence=sequence,
    )


async def load_person(tx: Tx, person_id: str) -> Row | None:
    """Read what is known of a person (name, is_agent, active, last_sequence)."""
    rows = await tx.run("SELECT * FROM tickets_known_person WHERE id = :id", id=person_id)
    return rows[0] if rows else None
