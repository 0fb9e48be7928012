"""`concord config`: contexts, which say where a mesh is and whose token is used."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from clients.cli.command import Group, Session, pass_session
from clients.cli.connection import config, credentials
from clients.cli.connection.config import Context
from clients.cli.display.columns import Column
from clients.cli.display.outline import Line
from clients.cli.mistake import Mistake

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_file = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.group("config", cls=Group)
def config_group() -> None:
    """Say where each mesh is, and choose one.

    They are kept in $CONCORD_CONFIG, else in concord/config.yaml below
    $XDG_CONFIG_HOME or ~/.config. No secret is in that file.
    """


@config_group.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the contexts; a star marks the current one."""
    known = config.read()
    if session.as_json:
        session.output.document({"current": known.current, "contexts": sorted(known.contexts)})
        return
    if not known.contexts:
        session.output.note("no contexts; begin with: concord config set NAME --hub HOST:PORT")
    names = tuple(known.contexts)
    session.output.table(
        [
            Column("CONTEXT", tuple(f"{'*' if name == known.current else ' '} {name}" for name in names)),
            Column("HUB", tuple(known.contexts[name].hub for name in names)),
            Column("AUDIT", tuple(known.contexts[name].audit for name in names)),
            Column("ADAPTERS", tuple(", ".join(known.contexts[name].adapters) for name in names)),
        ]
        if names
        else []
    )


@config_group.command("show")
@click.argument("name", required=False)
@pass_session
def show(session: Session, name: str | None) -> None:
    """Show one context, the current one without a name."""
    chosen, context = config.read().context(name or session.context_name)
    _show(session, chosen, context)


@config_group.command("set")
@click.argument("name")
@click.option("--hub", metavar="HOST:PORT", help="Where the hub is.")
@click.option("--audit", metavar="HOST:PORT", help="Where the audit is.")
@click.option("--adapter", "adapters", metavar="NAME=HOST:PORT", multiple=True, help="Where an adapter is; repeatable.")
@click.option("--plaintext/--tls", default=None, help="Without TLS, only to this machine; default: with TLS.")
@click.option("--ca-file", type=_file, metavar="FILE", help="The authority of the servers' certificates.")
@click.option("--certificate-file", type=_file, metavar="FILE", help="The client's own certificate.")
@click.option("--key-file", type=_file, metavar="FILE", help="The key of the client's certificate.")
@click.option("--issuer", metavar="URL", help="The issuer of access tokens, for concord login.")
@click.option("--client-id", metavar="ID", help="What the issuer knows this command line as.")
@click.option("--scope", metavar="SCOPE", help="The permissions to ask the issuer for.")
@pass_session
def set_(session: Session, /, name: str, adapters: tuple[str, ...], **stated: Any) -> None:
    """Make or change a context; what is not named stays as it is.

    \b
    concord config set production --hub mdm.example.org:443 \\
      --audit audit.example.org:443 --adapter erp=erp.example.org:443
    """
    if not _NAME.fullmatch(name):
        raise Mistake(f"{name!r} is no name for a context", "use letters, digits, dots and hyphens")
    known = config.read()
    before = known.contexts.get(name, Context())
    targets = {**before.adapters, **dict(_adapter(one) for one in adapters)}
    given = {key: value for key, value in stated.items() if value is not None}
    context = replace(before, adapters=targets, **given)
    config.write(known.with_context(name, context))
    _show(session, name, context)


@config_group.command("use")
@click.argument("name")
@pass_session
def use(session: Session, name: str) -> None:
    """Make a context the current one."""
    known = config.read()
    chosen, context = known.context(name)
    config.write(replace(known, current=chosen))
    _show(session, chosen, context)


@config_group.command("remove")
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove a context, and its log-in."""
    known = config.read()
    known.context(name)
    credentials.forget(name)
    config.write(known.without(name))
    session.output.note(f"removed {name}")
    if session.as_json:
        session.output.document({"removed": name})


def _adapter(stated: str) -> tuple[str, str]:
    name, _, target = stated.partition("=")
    if not name or not target:
        raise Mistake(f"{stated!r} names no adapter", "write --adapter NAME=HOST:PORT")
    return name, target


def _show(session: Session, name: str, context: Context) -> None:
    document = {"context": name, **{key: value for key, value in asdict(context).items() if value}}
    if session.as_json:
        session.output.document(document)
        return
    lines = []
    for key, value in document.items():
        if isinstance(value, dict):
            lines += [Line(0, key), *(Line(1, each, target) for each, target in value.items())]
        else:
            lines.append(Line(0, key, "yes" if value is True else str(value)))
    session.output.outline([*lines, Line(0, "file", str(Path(config.file())))])
