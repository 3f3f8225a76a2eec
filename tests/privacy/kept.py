"""The table of ``docs/kept.md``: what every table keeps of a person, and what erasing takes of it."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "kept.md"
ROW = "row"
# Columns that name somebody, or hold words that somebody wrote. Better one line too many than a person forgotten.
_SOMEBODY = re.compile(
    r"^(key|name|title|description|body|answer|detail|device|subject|account|actor|caller|payload|message_text|email.*"
    r"|.*_by|.*_to|.*_key|named|changes|query|envelope|error|reason|address|addressee|recipient.*|createdBy|assignedTo"
    r"|(?:.*_)?(?:person|user|agent|manager|requester|author|actor|owner|about|client|sender|customer)(?:_id|Id)?"
    r"|(?:person|user|agent|manager|author)Id|text|comment|note|words|zone_name|phone|ip)$"
)
_NOBODY = frozenset({("bus_migration", "owner"), ("users_act", "about"), ("users_signing_key", "private_key")}) | {
    ("users_signing_key", "public_key"),
    ("gateway_key", "public_key"),
}
_OF_PEOPLE = re.compile(r"_(person|agent|manager|known_person)$")  # whose id is a person's


@dataclass(frozen=True)
class Kept:
    """One line: the columns whose words go (``row``: whole rows), those that stay, and why."""

    table: str
    goes: frozenset[str]
    stays: frozenset[str]
    why: str

    @property
    def deletes(self) -> bool:
        return ROW in self.goes


def read_kept() -> list[Kept]:
    """Read the lines of the page, in their order."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and "`" in cells[0]:
            goes = frozenset(re.findall(r"`(\w+)`", cells[1])) | ({ROW} if cells[1] == ROW else set())
            stays = frozenset(re.findall(r"`(\w+)`", cells[2]))
            found.append(Kept(cells[0].replace("`", ""), goes, stays, cells[3]))
    return found


def looks_like_somebody(table: str, column: str) -> bool:
    """Tell whether a column may hold a person or their words, by its name."""
    if (table, column) in _NOBODY or column.startswith("is_"):
        return False
    return bool(_SOMEBODY.match(column)) or (column == "id" and bool(_OF_PEOPLE.search(table)))
