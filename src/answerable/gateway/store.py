"""All SQL of the gateway: one row that proves the database can be written."""

from answerable.kernel.tx import Tx


async def save_probe(tx: Tx) -> None:
    """Write the time into the probe's row."""
    await tx.run(
        "INSERT INTO gateway_probe (id, written_at) VALUES (1, :now) ON CONFLICT (id) DO UPDATE SET written_at = :now",
        now=tx.now,
    )


async def load_probe(tx: Tx) -> int | None:
    """Return when the probe was last written, ``None`` where it never was."""
    rows = await tx.run("SELECT written_at FROM gateway_probe WHERE id = 1")
    return int(rows[0]["written_at"]) if rows else None
