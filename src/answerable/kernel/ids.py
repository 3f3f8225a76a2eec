"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so ids sort by the time they were made."""


def uuid7(unix_ms: int, random: bytes) -> str:
    """Return the UUIDv7 text for a Unix time in milliseconds and at least ten random bytes."""
    value = (unix_ms & 0xFFFFFFFFFFFF) << 80
    value |= int.from_bytes(random[:10], "big")
    value = value & ~(0xF << 76) | (7 << 76)
    value = value & ~(3 << 62) | (2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
