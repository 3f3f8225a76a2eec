"""Logs: one line an event, for people or as JSON; values that look like secrets are masked."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

_SECRET_WORDS = ("password", "token", "secret", "authorization", "cookie")
_SECRETS = re.compile(r"\b(ans_|whsec_)[A-Za-z0-9_+/=-]{16,}")  # keys of programs, secrets of webhooks


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that names a secret, and what looks like one anywhere."""
    for key, value in event.items():
        if key != "event" and any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "***"
        elif isinstance(value, str) and ("ans_" in value or "whsec_" in value):
            event[key] = _SECRETS.sub(r"\1***", value)
    return event


def keep_to_one_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write control characters of values as escapes: nobody forges a line, or talks to the operator's terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return event


class _Errors:
    """Standard error that never fails: a full disk under the log file must not stop the desk."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def set_up_logging(log_format: str) -> None:
    """Log to standard error, as ``text`` or ``json``."""
    json = log_format == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_secrets,
            keep_to_one_line,
            *([structlog.processors.format_exc_info] if json else []),
            structlog.processors.JSONRenderer() if json else _for_people(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Errors())),
        cache_logger_on_first_use=False,
    )
    logging.raiseExceptions = False
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _for_people() -> structlog.dev.ConsoleRenderer:
    # Plain tracebacks: the default ones show the values of local variables, passwords and tokens among them.
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def only_errors() -> None:
    """Log nothing but errors, for commands that play many events of the past."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
