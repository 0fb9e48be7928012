"""Trees: how records hang together in named hierarchies, rolled up, and changed by proposals."""

import csv
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click
from google.type import money_pb2

from clients.cli import options, proposals
from clients.cli.command import Group, Session, pass_session
from clients.cli.display import values
from clients.cli.display.columns import Column
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake
from clients.cli.proposals import Proposals
from clients.cli.service import Service
from concord.mdm.v1 import tree_pb2

F = TypeVar("F", bound=Callable[..., Any])

_SERVICE = Service("concord.mdm.v1.TreeService")
_DIFFERENCE_COLUMNS = ("key", "kind", "parent_before", "parent_after", "name")
_PROPOSALS = Proposals(
    _SERVICE, tree_pb2.TreeProposal, ("name", "state", "author", "hierarchy", "scope", "effective_date", "rationale")
)
_NANOS = 9


@click.group(cls=Group)
def tree() -> None:
    """Read trees, roll up in them, propose and promote changes."""


def _of_tree(command: F) -> F:
    """Take which tree is meant, and as of when."""
    for option in (
        click.option("--proposal", default="", metavar="NAME", help="As it would be after this proposal."),
        options.read_time,
        options.effective_time,
        click.option("--scope", required=True, metavar="SCOPE", help="The entity or ledger, such as entities/mercy."),
        click.argument("hierarchy"),
        click.argument("kind", metavar="TYPE", type=options.KindOfRecord("Explain")),
    ):
        command = option(command)
    return command


@tree.command("hierarchies")
@click.argument("kind", metavar="TYPE", type=options.KindOfRecord("Explain"))
@click.option("--scope", required=True, metavar="SCOPE", help="The entity or ledger, such as entities/mercy.")
@pass_session
def hierarchies(session: Session, kind: Kind, scope: str) -> None:
    """List the hierarchies that records of a type stand in.

    \b
    concord tree hierarchies cost-centers --scope entities/mercy
    """
    found = _hierarchies(session, kind, scope)
    if session.as_json:
        session.output.document(found)
        return
    session.output.table([Column("HIERARCHY", tuple(found))] if found else [])
    if not found:
        session.output.note(f"no {kind.nouns} of {scope} stand in a hierarchy")


@tree.command("show")
@_of_tree
@click.option("--root", "root_key", default="", metavar="KEY", help="Only this node and what is below it.")
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Only so far below the roots.")
@options.wide
@pass_session
def show(session: Session, /, kind: Kind, depth: int | None, **asked: Any) -> None:
    """Show a tree, and what is wrong with it.

    \b
    concord tree show cost-centers management --scope entities/mercy
    concord tree show accounts reporting --scope ledgers/us --depth 2
    """
    answer = _SERVICE.ask(session, "GetTree", record_type=kind.record_type, **asked)
    if not answer.nodes:
        _require_hierarchy(session, kind, asked["hierarchy"], asked["scope"])
    if session.as_json:
        session.output.record(answer)
        return
    top = answer.nodes[0].depth if answer.nodes else 0
    shown = [node for node in answer.nodes if depth is None or node.depth - top <= depth]
    session.output.note(f"{asked['hierarchy']} on {values.message_text(answer.effective_date)}")
    if shown:
        session.output.table([_keys(shown, top), *_names(shown)])
    else:
        session.output.note("no nodes")
    _tell_problems(session, answer.problems)


@tree.command("roll-up")
@_of_tree
@click.option(
    "--amounts",
    required=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: key, amount, currency code.",
)
@options.wide
@pass_session
def roll_up(session: Session, /, kind: Kind, amounts: Path, **asked: Any) -> None:
    """Add amounts up along a tree, exactly.

    What has no place in the tree is listed as unplaced.

    \b
    concord tree roll-up cost-centers management --scope entities/mercy \\
      --amounts q3.csv --effective-time 2026-09-30 --read-time 2026-10-05
    """
    booked = list(_amounts(amounts))
    answer = _SERVICE.ask(session, "RollUpTree", record_type=kind.record_type, amounts=booked, **asked)
    if not answer.totals:
        _require_hierarchy(session, kind, asked["hierarchy"], asked["scope"])
    if session.as_json:
        session.output.record(answer)
        return
    nodes = [total.node for total in answer.totals]
    if nodes:
        top = min(node.depth for node in nodes)
        total = Column("TOTAL", tuple(_money(one.total) for one in answer.totals))
        own = Column("OWN", tuple(_money(one.own) for one in answer.totals))
        session.output.table([_keys(nodes, top), total, own, *_names(nodes)])
    for left in answer.unplaced:
        session.output.line(f"unplaced  {left.key}  {values.message_text(left.amount)}", "yellow")


@tree.command("propose")
@proposals.from_file
@options.stated
@options.rehearsed
@pass_session
def propose(session: Session, path: Path, validate_only: bool) -> None:
    """Propose changes of a tree; a second person promotes them.

    \b
    record_type: cost_center
    hierarchy: management
    scope: entities/mercy
    effective_date: 2027-01-01
    changes:
      - {key: "106010", parent_key: "106000"}
    rationale: Emergency reports to acute care
    """
    _PROPOSALS.show(session, _PROPOSALS.create(session, _PROPOSALS.read(path), validate_only=validate_only))


@tree.command("proposals")
@proposals.in_state
@options.limit
@options.tabular
@pass_session
def list_proposals(session: Session, state: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List the proposals of your entities, newest first."""
    _PROPOSALS.show_every(session, state, limit, columns)


@tree.command("compare")
@click.argument("name")
@options.tabular
@pass_session
def compare(session: Session, name: str, columns: Sequence[str]) -> None:
    """Compare a proposal with the tree as it is.

    What stands in the way of promoting it is told as well.
    """
    answer = _SERVICE.ask(session, "CompareTreeProposal", name=name)
    if session.as_json:
        session.output.record(answer)
        return
    session.output.records(answer.differences, "differences", columns, _DIFFERENCE_COLUMNS)
    _tell_problems(session, answer.problems)
    if not answer.problems:
        session.output.note("nothing stands in the way")


@tree.command("promote")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def promote(session: Session, name: str, validate_only: bool) -> None:
    """Make a proposal true, all of it or nothing.

    Its author can't: it takes a second person.
    """
    _PROPOSALS.promote(session, name, validate_only=validate_only)


@tree.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Give a proposal up."""
    _PROPOSALS.withdraw(session, name, validate_only=validate_only)


def _hierarchies(session: Session, kind: Kind, scope: str) -> list[str]:
    return list(_SERVICE.every(session, "ListHierarchies", record_type=kind.record_type, scope=scope))


def _require_hierarchy(session: Session, kind: Kind, wanted: str, scope: str) -> None:
    """Raise Mistake for a hierarchy that nothing stands in at any time; one that is empty on a day is there."""
    there = _hierarchies(session, kind, scope)
    if wanted not in there:
        hint = f"there is {', '.join(there)}" if there else "nothing of this scope stands in any"
        raise Mistake(f"there is no hierarchy {wanted} of {kind.nouns} in {scope}", hint)


def _keys(nodes: Sequence[Any], top: int) -> Column:
    return Column("KEY", tuple(f"{'  ' * (node.depth - top)}{node.key}" for node in nodes))


def _names(nodes: Sequence[Any]) -> Iterator[Column]:
    yield Column("DISPLAY_NAME", tuple(node.display_name for node in nodes))
    yield Column("NAME", tuple(node.name for node in nodes))


def _money(amounts: Sequence[money_pb2.Money]) -> str:
    return "; ".join(values.message_text(one) for one in amounts)


def _tell_problems(session: Session, problems: Sequence[Any]) -> None:
    for problem in problems:
        kind = values.text(problem.DESCRIPTOR.fields_by_name["kind"], problem.kind).replace("_", " ")
        session.output.line(f"problem: {kind}: {problem.key}: {problem.description}", "yellow")
        for record in problem.records:
            session.output.line(f"  {record}")


def _amounts(path: Path) -> Iterator[tree_pb2.TreeAmount]:
    """Read what was booked; a first line of titles is skipped. Raises Mistake, which names the line."""
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or (number == 1 and row[0].strip().lower() == "key"):
                continue
            try:
                key, amount, currency = (cell.strip() for cell in row)
                yield tree_pb2.TreeAmount(key=key, amount=_exactly(Decimal(amount), currency))
            except (ValueError, InvalidOperation) as error:
                told = f"line {number} of {path} is no amount: {','.join(row)}"
                raise Mistake(told, "write key,amount,currency such as 106010,1250.00,USD") from error


def _exactly(amount: Decimal, currency: str) -> money_pb2.Money:
    units, nanos = divmod(abs(amount).scaleb(_NANOS), 10**_NANOS)
    if nanos != int(nanos):
        raise ValueError("finer than a billionth")
    sign = -1 if amount < 0 else 1
    return money_pb2.Money(currency_code=currency, units=sign * int(units), nanos=sign * int(nanos))
