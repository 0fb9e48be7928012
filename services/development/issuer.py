"""An issuer of access tokens for one machine: for tools and tests, never for anything that others can reach.

Whoever can read its directory can be anybody.
"""

import contextlib
import os
import uuid
from pathlib import Path

from services.development.token_signer import TokenSigner, new_private_jwks

_ISSUER = "https://issuer.concord.localhost"


class DevelopmentIssuer(TokenSigner):
    """Issues tokens under a key that it keeps in `directory`, made at first use, with its `jwks.json`."""

    def __init__(self, directory: Path) -> None:
        self.jwks_file = directory / "jwks.json"
        key_file = directory / "jwks-private.json"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not key_file.exists():
            _put_first(key_file, new_private_jwks())
        super().__init__(_ISSUER, key_file.read_text())
        if not self.jwks_file.exists() or self.jwks_file.read_text() != self.jwks:
            _fresh(self.jwks_file, self.jwks).replace(self.jwks_file)

    def write_token(self, path: Path, token: str) -> Path:
        """Write a token to a file that only its owner may read, replacing it at once; return the path."""
        return _fresh(path, token).replace(path)


def _put_first(path: Path, content: str) -> None:
    """Put a file where there is none; of several processes at once, the first one's counts."""
    fresh = _fresh(path, content)
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()


def _fresh(path: Path, content: str) -> Path:
    """Write a file that only its owner may read, beside the place that it is meant for."""
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return fresh
