"""Access tokens: where the one of a context is, what it says, and how it is renewed.

A token that `concord login` got is kept beside the contexts, `tokens/{context}.json`, readable by its owner only.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jwt

from clients.cli.connection import config
from clients.cli.connection.config import Context
from clients.cli.connection.private_file import write_private
from services.mesh.calling.client import TokenFile, TokenSource

# A token is renewed when it ends within this time: the call that it is for has to arrive before.
_MARGIN_S = 60.0


@dataclass(frozen=True)
class Grant:
    """What a log-in gave: a token, and how to get the next one, if the issuer offers that."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    token_endpoint: str = ""
    client_id: str = ""


Renewal = Callable[[Grant], Grant]


class StoredToken:
    """The token of a log-in, renewed before it ends when it can be."""

    def __init__(self, context: str, renew: Renewal) -> None:
        self._context = context
        self._renew = renew

    def token(self) -> str:
        """Return the token to send now. Raises OSError when nobody logged in or the file can't be read."""
        grant = read(self._context)
        if grant.refresh_token and _ends_soon(grant.access_token):
            grant = self._renew(grant)
            store(self._context, grant)
        return grant.access_token


def source(name: str, context: Context, renew: Renewal) -> TokenSource:
    """Return where the token of a context comes from."""
    return TokenFile(Path(context.token_file)) if context.token_file else StoredToken(name, renew)


def path(context: str) -> Path:
    """Return the file of a context's log-in."""
    return config.file().parent / "tokens" / f"{context}.json"


def read(context: str) -> Grant:
    """Return what the last log-in gave. Raises OSError, also for a file that holds something else."""
    kept = path(context)
    try:
        return Grant(**json.loads(kept.read_text()))
    except (ValueError, TypeError) as error:
        raise OSError(f"{kept} holds no log-in: {error}") from error


def store(context: str, grant: Grant) -> None:
    """Keep what a log-in gave."""
    write_private(path(context), json.dumps(asdict(grant)))


def forget(context: str) -> bool:
    """Remove what a log-in gave; tell whether there was anything."""
    kept = path(context)
    was_there = kept.exists()
    kept.unlink(missing_ok=True)
    return was_there


def claims(token: str) -> Mapping[str, Any]:
    """Return what a token says of its holder, unverified; nothing for a token that says nothing to its holder."""
    try:
        said: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return said


def _ends_soon(token: str) -> bool:
    ends = claims(token).get("exp")
    return isinstance(ends, int | float) and ends - time.time() < _MARGIN_S
