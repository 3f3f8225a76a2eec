"""One row that proves that the database takes what it is given."""

from answerable.kernel.tx import Tx


async def save(tx: Tx) -> None:
    """Write the time into the row."""
    await tx.run(
        "INSERT INTO bus_probe (id, written_at) VALUES (1, :now) ON CONFLICT (id) DO UPDATE SET written_at = :now",
        now=tx.now,
    )


async def load(tx: Tx) -> int | None:
    """Return when the row was last written, ``None`` where it never was."""
    rows = await tx.run("SELECT written_at FROM bus_probe WHERE id = 1")
    return int(rows[0]["written_at"]) if rows else None
