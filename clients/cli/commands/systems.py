"""Systems and entities: the landscape as it is registered."""

from collections.abc import Sequence

import click

from clients.cli import contracts, kinds, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.connection import records
from clients.cli.kinds import qualified

_SYSTEM_COLUMNS = ("name", "display_name", "kind", "entity", "trust_rank", "region")
_ENTITY_COLUMNS = ("name", "display_name", "parent")


@click.group(cls=Group)
def systems() -> None:
    """See the connected systems, and what each may say."""


@systems.command("list")
@options.limit
@options.tabular
@pass_session
def list_systems(session: Session, limit: int | None, columns: Sequence[str]) -> None:
    """List the systems in your entities."""
    _list(session, "systems", limit, columns, _SYSTEM_COLUMNS)


@systems.command("get")
@click.argument("name")
@pass_session
def get_system(session: Session, name: str) -> None:
    """Show one system, such as systems/erp."""
    session.output.record(records.fetch(session.mesh, qualified("systems", name)))


@click.group(cls=Group)
def entities() -> None:
    """See the legal units and facilities."""


@entities.command("list")
@options.limit
@options.tabular
@pass_session
def list_entities(session: Session, limit: int | None, columns: Sequence[str]) -> None:
    """List the entities that you are scoped to."""
    _list(session, "entities", limit, columns, _ENTITY_COLUMNS)


@entities.command("get")
@click.argument("name")
@pass_session
def get_entity(session: Session, name: str) -> None:
    """Show one entity, such as entities/mercy."""
    session.output.record(records.fetch(session.mesh, qualified("entities", name)))


def _list(session: Session, nouns: str, limit: int | None, columns: Sequence[str], default: Sequence[str]) -> None:
    method = kinds.named(nouns).method("List")
    session.output.records(session.mesh.every(method, contracts.request_of(method), limit), nouns, columns, default)
