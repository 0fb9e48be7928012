"""Proofs of RFC 6962 logs that hold and that must be refused, one JSON line each.

From the public repository transparency-dev/merkle (`testdata`, Apache-2.0): 98 of inclusion, 98 of consistency.
"""

import base64
import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("merkle_vectors.jsonl")


def vectors(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the vectors of `inclusion` or `consistency` by name, hashes as bytes; `wantErr` says what has to come."""
    told = [json.loads(line) for line in _FILE.read_text().splitlines()]
    return [(vector.pop("vector"), _decoded(vector)) for vector in told if vector["vector"].startswith(f"{kind}/")]


def _decoded(vector: dict[str, Any]) -> dict[str, Any]:
    hashes = {name: _bytes(value) for name, value in vector.items() if isinstance(value, str)}
    return vector | hashes | {"proof": [_bytes(each) for each in vector["proof"] or ()]}


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
