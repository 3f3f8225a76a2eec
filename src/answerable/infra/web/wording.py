"""Words that several doors use: what is wrong with a token, and what the JSON decoder found wrong."""

import re

SEND_IT_SO = "Send the token as: Authorization: Bearer <token>."
NOT_VALID = "The token is not valid. Please sign in again."
EXPIRED = "The token has expired. Please sign in again."
BAD_KEY = "This API key is not valid (any more)."
OLD_KEY = "This API key has expired. Please have another one made."
ENDED = "This session has ended. Please sign in again."

_MISSING = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_EXPECTED = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def field_error(key: str, message: str) -> str:
    """Write ``field: what is wrong`` for a decoder's ``message`` about ``key`` (empty: the whole body)."""
    if missing := _MISSING.search(message):
        return f"{_within(key, missing[1])}: is missing"
    if unknown := _UNKNOWN.search(message):
        return f"{_within(key, unknown[1])}: is not known here"
    if expected := _EXPECTED.search(message):
        return f"{key or 'body'}: must be {_kinds(expected[1])}, not {_kinds(expected[2])}"
    if not key or message.strip("'\"") == key:  # the body itself is not there
        return f"{'body' if key in ('', 'data') else key}: is missing" if key else f"body: {message}"
    return f"{key}: {message}"


def _within(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _kinds(text: str) -> str:
    return " or ".join(_KINDS.get(kind.strip(), kind.strip()) for kind in text.split("|"))
