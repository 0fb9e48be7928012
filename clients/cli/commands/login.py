"""Logging in and out, and who one is."""

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from clients.cli.command import Command, Session, pass_session
from clients.cli.connection import config, credentials, device_flow
from clients.cli.connection.config import Context
from clients.cli.connection.credentials import Grant
from clients.cli.connection.device_flow import Endpoints
from clients.cli.connection.mesh import RefusedError
from clients.cli.display.outline import Line
from clients.cli.mistake import Mistake
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError

_STDIN = "-"
_CLIENT_ID = "concord-cli"
_SHOWN = ("sub", "client_id", "iss", "aud", "scope", "concord_entities", "exp")


@click.command(cls=Command)
@click.option("--token-file", metavar="FILE", help="Use the token that somebody keeps there; - reads one and keeps it.")
@click.option("--issuer", metavar="URL", help="The issuer; its endpoints are read from its metadata.")
@click.option("--device-endpoint", metavar="URL", help="The issuer's device authorization endpoint.")
@click.option("--token-endpoint", metavar="URL", help="The issuer's token endpoint.")
@click.option("--client-id", metavar="ID", help=f"What the issuer knows this command line as; default: {_CLIENT_ID}.")
@click.option("--scope", metavar="SCOPE", help="The permissions to ask for.")
@pass_session
def login(
    session: Session,
    token_file: str | None,
    issuer: str | None,
    device_endpoint: str | None,
    token_endpoint: str | None,
    client_id: str | None,
    scope: str | None,
) -> None:
    """Log in with a token file, or by approving in a browser.

    A token is never an argument: others could read it. A file is read
    again whenever it changes. Without --token-file the issuer shows a code
    to approve (OAuth 2.0 device authorization, RFC 8628).

    \b
    concord login --token-file /run/secrets/concord/token
    concord login --issuer https://login.example.org
    """
    name, context = session.chosen
    if token_file is not None:
        _use_token_file(name, context, token_file)
    else:
        context = replace(
            context,
            token_file="",
            issuer=issuer or context.issuer,
            client_id=client_id or context.client_id,
            scope=scope or context.scope,
        )
        credentials.store(name, _approved(session, context, device_endpoint, token_endpoint))
        _write(name, context)
    session.output.note(f"logged in to {name}")
    if session.as_json:
        session.output.document(_identity(session))


@click.command(cls=Command)
@pass_session
def logout(session: Session) -> None:
    """Forget the token of a context; a token file itself stays."""
    name, context = session.chosen
    had = credentials.forget(name) or bool(context.token_file)
    _write(name, replace(context, token_file=""))
    session.output.note(f"logged out of {name}" if had else f"nobody was logged in to {name}")
    if session.as_json:
        session.output.document({"context": name, "was_logged_in": had})


@click.command(cls=Command)
@pass_session
def whoami(session: Session) -> None:
    """Show who you are, what you may do, until when."""
    identity = _identity(session)
    if session.as_json:
        session.output.document(identity)
    else:
        session.output.outline(Line(0, key, _text(value)) for key, value in identity.items())


def _use_token_file(name: str, context: Context, token_file: str) -> None:
    if token_file == _STDIN:
        token = sys.stdin.read().strip()
        _require_token(token, "the input")
        credentials.store(name, Grant(token))
        _write(name, replace(context, token_file=""))
        return
    path = Path(token_file).absolute()
    try:
        _require_token(path.read_text().strip(), token_file)
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{token_file} can't be read: {error}", "name a file that holds an access token") from error
    _write(name, replace(context, token_file=str(path)))


def _require_token(token: str, origin: str) -> None:
    if not token or len(token.split()) != 1:
        raise Mistake(f"{origin} holds no access token", "it has to hold the token and nothing else")


def _approved(session: Session, context: Context, device_endpoint: str | None, token_endpoint: str | None) -> Grant:
    with device_flow.issuer(context.client_id or _CLIENT_ID, context.ca_file) as issuer:
        if device_endpoint and token_endpoint:
            endpoints = Endpoints(device_endpoint, token_endpoint)
        elif device_endpoint or token_endpoint or not context.issuer:
            raise Mistake("nothing says where to log in", "name --issuer, or both endpoints, or --token-file")
        else:
            endpoints = issuer.discover(context.issuer)
        begun = issuer.begin(endpoints, context.scope)
        place = begun.verification_uri_complete or begun.verification_uri
        print(f"Open {place}\nand approve the code {begun.user_code}", file=sys.stderr, flush=True)
        with session.output.waiting("waiting for the approval"):
            return issuer.await_grant(endpoints, begun)


def _write(name: str, context: Context) -> None:
    config.write(config.read().with_context(name, context))


def _identity(session: Session) -> dict[str, Any]:
    # What was just written counts, not what the command began with.
    name, context = config.read().context(session.context_name)
    try:
        token = credentials.source(name, context, device_flow.renew).token()
    except OSError as error:
        told = f"nobody is logged in to {name}: {error.strerror or error}"
        missing = ConcordError(reasons.ERROR_REASON_CREDENTIALS_MISSING, told)
        raise RefusedError(missing, name, "whoami") from error
    said = credentials.claims(token)
    shown: dict[str, Any] = {"context": name, "token_file": context.token_file or str(credentials.path(name))}
    shown |= {key: said[key] for key in _SHOWN if key in said}
    if isinstance(said.get("exp"), int):
        shown["exp"] = datetime.fromtimestamp(said["exp"], UTC).isoformat().replace("+00:00", "Z")
        shown["expired"] = said["exp"] < time.time()
    return shown


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
