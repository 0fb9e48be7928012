"""Logs of one process: a JSON object a line, with the ids of the trace it belongs to.

The text of an exception may hold values of records (a database names the row that broke a constraint), so an
exception is logged as its type, its code where it has one, and the places of its stack.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from opentelemetry import trace

# Libraries that log every exchange: spans and the access log tell of those.
_TALKATIVE = ("httpx", "httpcore")


class JsonLines(logging.Formatter):
    """Renders log records as JSON lines."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        context = trace.get_current_span().get_span_context()
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if context.is_valid:
            told |= {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        if record.exc_info and record.exc_info[1] is not None:
            told["exception"] = _chain(record.exc_info[1])
        return json.dumps(told, ensure_ascii=False, default=str)


def start_logging(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to `stream` (stderr) as JSON lines, from `level` on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)


def _chain(error: BaseException) -> list[dict[str, Any]]:
    """Describe an exception and what caused it, the outermost first, without their texts."""
    found: list[dict[str, Any]] = []
    cause: BaseException | None = error
    while cause is not None and len(found) < 8:  # noqa: PLR2004 - a bound on the line, any will do
        stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)]
        described = {"type": f"{type(cause).__module__}.{type(cause).__qualname__}", "stack": stack}
        code = getattr(cause, "sqlstate", None) or getattr(cause, "errno", None)
        found.append(described | ({"code": code} if code is not None else {}))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found
