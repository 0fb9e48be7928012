"""Log lines: JSON, tied to their trace, without the texts of exceptions."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from services.mesh.logs import start_logging
from services.mesh.telemetry import Telemetry, current_traceparent, span

SECRET = "98-7654321"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    lines = io.StringIO()
    start_logging("small", "INFO", lines)
    yield lines
    root.handlers[:], _ = before
    root.setLevel(before[1])


def line(stream: io.StringIO) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(stream.getvalue())
    return told


class DatabaseError(Exception):
    sqlstate = "23505"


def write() -> None:
    raise DatabaseError(f"Key (tax_id)=({SECRET}) already exists")


def fail() -> None:
    try:
        write()
    except DatabaseError as cause:
        raise RuntimeError(SECRET) from cause


def test_a_line_says_what_where_and_when(stream: io.StringIO) -> None:
    logging.getLogger("relay").warning("behind by %d", 7)
    told = line(stream)
    assert (told["service"], told["logger"], told["level"]) == ("small", "relay", "WARNING")
    assert told["message"] == "behind by 7"
    assert told["time"].endswith("+00:00")


def test_a_line_within_a_span_names_its_trace(stream: io.StringIO) -> None:
    telemetry = Telemetry.off()
    with span("work"):
        logging.getLogger().info("x")
        assert line(stream)["trace_id"] in current_traceparent()
    telemetry.shutdown()


def test_an_exception_is_its_type_its_code_and_its_places_but_never_its_text(stream: io.StringIO) -> None:
    try:
        fail()
    except RuntimeError:
        logging.getLogger().exception("failed")
    assert SECRET not in stream.getvalue()
    outer, inner = line(stream)["exception"]
    assert outer["type"] == "builtins.RuntimeError"
    assert inner["code"] == "23505"
    assert "test_logs.py" in inner["stack"][0]
