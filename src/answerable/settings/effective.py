"""The settings in effect, as people may see them."""

from dataclasses import fields

from answerable.settings.sections import MASK, Settings, sections


def about(section: type) -> str:
    """Return what a section of settings is about, in plain words."""
    return " ".join((section.__doc__ or "").replace("``", "").split())


def effective(settings: Settings) -> list[dict[str, str]]:
    """Return a row per setting: its name, value (masked where secret), origin and documentation."""
    rows = []
    for section in sections():
        for field in fields(getattr(settings, section)):
            name = f"{section}.{field.name}"
            value = getattr(getattr(settings, section), field.name)
            if field.metadata["shown"]:
                value = field.metadata["shown"](value)
            elif field.metadata["secret"]:
                value = MASK if value else ""
            elif isinstance(value, tuple):
                value = ", ".join(value)
            rows.append(
                {
                    "setting": name,
                    "value": str(value),
                    "from": settings.origins.get(name, "default"),
                    "doc": field.metadata["doc"],
                }
            )
    return rows
