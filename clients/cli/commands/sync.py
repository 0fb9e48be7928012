"""Synchronisation with the systems: how it stands, now, pause, resume; what was delivered, and what does not fit."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click
from google.protobuf.message import Message

from clients.cli import contracts, options
from clients.cli.command import Command, Group, Session, pass_session
from clients.cli.display import outline
from clients.cli.display.columns import cut
from clients.cli.kinds import qualified

_SERVICE = "concord.adapter.v1.AdapterService"
_STATE_COLUMNS = (
    "system",
    "state",
    "last_error",
    "quarantined_count",
    "discrepancy_count",
    "connector",
    "last_pull_time",
)
_LONGEST_CURSOR = 200
_DELIVERY_COLUMNS = ("name", "state", "golden_record", "key", "paths", "update_time", "error")
_DISCREPANCY_COLUMNS = ("name", "kind", "golden_record", "key", "paths", "create_time")
_system = click.argument("system", callback=lambda _ctx, _param, value: qualified("systems", value) if value else value)
_of_system = click.option("--system", default="", metavar="SYSTEM", help="Only those of this system.")


@click.group(cls=Group)
def sync() -> None:
    """See, start, pause and resume synchronisation."""


@sync.command("state")
@click.argument("system", required=False)
@options.tabular
@pass_session
def show_state(session: Session, system: str | None, columns: Sequence[str]) -> None:
    """Show how synchronisation stands, of one system in full."""
    wanted = qualified("systems", system) if system else ""
    adapter = session.mesh.adapter_of(wanted) if wanted else ""
    found = _every(session, "ListSystemStates", adapter)
    if wanted:
        _show(session, next(state for state in found if state.system == wanted))
    else:
        session.output.records(found, "systems", columns, _STATE_COLUMNS)


@sync.command("now")
@_system
@click.option("--full", is_flag=True, help="Read everything again, not only what changed.")
@options.stated
@pass_session
def synchronise(session: Session, system: str, full: bool) -> None:
    """Pull from a system now, and wait until the hub took it in."""
    with session.output.waiting(f"synchronising {system}"):
        answer = _operate(session, "SyncSystem", system=system, full=full)
    _show(session, answer)


@sync.command("pause")
@_system
@options.stated
@options.rehearsed
@pass_session
def pause(session: Session, system: str, validate_only: bool) -> None:
    """Stop pulling from and delivering to a system.

    Nothing is lost: it goes on where it stopped.
    """
    _show(session, _operated(session, "PauseSystem", system, validate_only=validate_only))


@sync.command("resume")
@_system
@options.stated
@options.rehearsed
@pass_session
def resume(session: Session, system: str, validate_only: bool) -> None:
    """Go on after a pause."""
    _show(session, _operated(session, "ResumeSystem", system, validate_only=validate_only))


@click.command(cls=Command)
@_of_system
@options.limit
@options.tabular
@pass_session
def deliveries(session: Session, system: str, limit: int | None, columns: Sequence[str]) -> None:
    """List what the hub had written to systems, newest first."""
    _list(session, "ListDeliveries", "deliveries", limit, columns, _DELIVERY_COLUMNS, system=system)


@click.command(cls=Command)
@_of_system
@click.option("--settled", is_flag=True, help="Settled ones, too.")
@options.limit
@options.tabular
@pass_session
def discrepancies(
    session: Session,
    system: str,
    settled: bool,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """List where a system and the hub differ for good."""
    asked = {"system": system, "show_settled": settled}
    _list(session, "ListDiscrepancies", "discrepancies", limit, columns, _DISCREPANCY_COLUMNS, **asked)


def _show(session: Session, message: Message) -> None:
    """Show a state without all of its cursor, which only the connector understands."""
    if session.as_json:
        session.output.record(message)
        return
    shown = (replace(line, value=cut(line.value, _LONGEST_CURSOR)) for line in outline.lines(message))
    session.output.outline(shown)


def _list(
    session: Session,
    method: str,
    nouns: str,
    limit: int | None,
    columns: Sequence[str],
    default: Sequence[str],
    **asked: Any,
) -> None:
    asked["system"] = qualified("systems", asked["system"]) if asked["system"] else ""
    adapter = session.mesh.adapter_of(asked["system"]) if asked["system"] else ""
    found = _every(session, method, adapter, **asked)
    session.output.records(itertools.islice(found, limit), nouns, columns, default)


def _every(session: Session, name: str, adapter: str, **asked: Any) -> Iterator[Any]:
    method = contracts.method(f"{_SERVICE}/{name}")
    return session.mesh.every_behind(method, contracts.request_of(method, **asked), adapter)


def _operated(session: Session, method: str, system: str, *, validate_only: bool) -> Any:
    asked = {"system": system, "validate_only": validate_only}
    return _operate(session, method, **asked).system_state


def _operate(session: Session, name: str, **asked: Any) -> Any:
    method = contracts.method(f"{_SERVICE}/{name}")
    return session.mesh.ask(method, contracts.request_of(method, **asked), session.mesh.adapter_of(asked["system"]))
