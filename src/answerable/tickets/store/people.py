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


async def save_person(tx: Tx, person_id: str, name: str, is_agent: int, active: int) -> None:
    """Note a person as the users feature describes them."""
    await tx.run(
        """INSERT INTO tickets_known_person (id, name, is_agent, active) VALUES (:id, :name, :is_agent, :active)
        ON CONFLICT (id) DO UPDATE SET name = :name, is_agent = :is_agent, active = :active""",
        id=person_id,
        name=name,
        is_agent=is_agent,
        active=active,
    )


async def load_person(tx: Tx, person_id: str) -> Row | None:
    """Read what is known of a person (name, is_agent, active)."""
    rows = await tx.run("SELECT * FROM tickets_known_person WHERE id = :id", id=person_id)
    return rows[0] if rows else None
