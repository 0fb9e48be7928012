"""Proofs that need no server, after C2SP tlog-proof: an inclusion proof, and the checkpoint that it leads to."""

import base64
from collections.abc import Sequence

_HEADER = "c2sp.org/tlog-proof@v1"


def tlog_proof(leaf_index: int, proof: Sequence[bytes], note: str) -> str:
    """Return the text that proves, with a checkpoint's note, that a leaf is in the log."""
    lines = [_HEADER, f"index {leaf_index}", *(base64.b64encode(each).decode() for each in proof)]
    return "".join(f"{line}\n" for line in lines) + f"\n{note}"
