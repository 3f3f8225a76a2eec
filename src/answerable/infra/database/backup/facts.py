"""What is in a database: for the manifest of a backup, and to compare with it."""

from dataclasses import dataclass

from answerable.infra.database.backup.container import Manifest

SEAL = "SELECT hash, mark FROM bus_seal ORDER BY number DESC LIMIT 1"
EMPTY = "SELECT 1 FROM bus_outbox WHERE type <> 'SIGNING_KEY_MADE' LIMIT 1"


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows by table, migrations as (owner, name, checksum), and the last seal of the event log with its mark."""

    tables: dict[str, int]
    migrations: list[tuple[str, str, str]]
    seal: str = ""
    mark: str = ""


def differences(manifest: Manifest, found: Facts) -> list[str]:
    """Return a line for each thing that is not as the manifest says."""
    names = sorted({*manifest.tables, *found.tables})
    lines = [
        f"{name}: {found.tables.get(name, 'no')} rows, not {manifest.tables.get(name, 'any')}"
        for name in names
        if manifest.tables.get(name) != found.tables.get(name)
    ]
    if sorted(manifest.migrations) != sorted(found.migrations):
        lines.append("the migrations are not those of the manifest")
    if manifest.seal != found.seal:
        lines.append("the last seal of the event log is not that of the manifest")
    return lines
