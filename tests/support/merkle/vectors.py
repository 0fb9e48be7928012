"""Proofs of RFC 6962 logs that hold and that must be refused: 98 of inclusion, 98 of consistency.

From the public repository transparency-dev/merkle (`testdata`, Apache-2.0). They are read from beside the project;
where they are not there, the tests say so.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

_DIRECTORY = Path(__file__).parents[4] / "shared" / "data" / "merkle"


def vectors(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the vectors of `inclusion` or `consistency` by name, hashes as bytes; `wantErr` says what has to come.

    Skips the test where they are not there.
    """
    files = sorted((_DIRECTORY / kind).rglob("*.json"))
    if not files:
        pytest.skip(f"the published vectors are not there: {_DIRECTORY / kind} (transparency-dev/merkle, testdata)")
    return [(str(file.relative_to(_DIRECTORY)), _decoded(json.loads(file.read_text()))) for file in files]


def _decoded(vector: dict[str, Any]) -> dict[str, Any]:
    hashes = {name: _bytes(value) for name, value in vector.items() if isinstance(value, str) and name != "desc"}
    return vector | hashes | {"proof": [_bytes(each) for each in vector["proof"] or ()]}


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")
