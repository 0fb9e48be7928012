"""The auditor's questions: who changed what, who saw it, who was refused, who asked. Each is evidence itself."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display import leaf_table
from concord.governance.v1.options_pb2 import AUDIT_CATEGORY_ADMINISTRATION, Classification

F = TypeVar("F", bound=Callable[..., Any])

_SERVICE = "concord.audit.v1.QuestionService"
_CLASSES = ("confidential", "restricted")


def _option(*names: str, metavar: str, told: str) -> Callable[[F], F]:
    return click.option(*names, metavar=metavar, default="", help=told)


def _times(command: F) -> F:
    since = click.option("--since", metavar="TIME", type=options.Moment(), help="Only from then on; such as 2h.")
    until = click.option("--until", metavar="TIME", type=options.Moment(), help="Only before then.")
    return since(until(command))


def _circumstances(command: F) -> F:
    """Take what every kind of evidence can be asked for by, and how the question itself is told."""
    for option in (
        options.wide,
        options.limit,
        options.stated,
        _times,
        _option("--request-id", metavar="ID", told="Only what that one call did."),
        _option("--for", "stated_purpose", metavar="TERM", told="Only what was said to be for this purpose."),
        _option("--actor", metavar="SUBJECT", told="Only what this subject did, or a service on its behalf."),
    ):
        command = option(command)
    return command


_field = _option("--field", metavar="PATH", told="Only changes of this field, such as bank_accounts.")
_service = _option("--service", "source_service", metavar="SERVICE", told="Only what this service sent, such as mdm.")


@click.command("record", cls=Command)
@click.argument("name")
@_field
@_circumstances
@pass_session
def of_record(session: Session, /, name: str, field: str, limit: int | None, **asked: Any) -> None:
    """List who changed one record, revision by revision.

    \b
    concord audit record suppliers/019352f2-…
    concord audit record suppliers/019352f2-… --field bank_accounts
    """
    titles = ("revision", "occurred_at", "actor", "changed", "operation", "leaf")
    _ask(session, "changes", titles, limit, record=name, field=field, **asked)


@click.command("list", cls=Command)
@_field
@_option("--type", "record_type", metavar="TYPE", told="Only changes of such records, such as supplier.")
@_service
@_circumstances
@pass_session
def changes(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List changes by field, actor, purpose, call and time.

    \b
    concord audit list --actor steward@example.org --since 1d
    concord audit list --field bank_accounts --for payment
    """
    titles = ("record", "occurred_at", "actor", "changed", "operation", "revision", "leaf")
    _ask(session, "changes", titles, limit, **asked)


@click.command("acts", cls=Command)
@_option("--type", "record_type", metavar="TYPE", told="Only changes of such records, such as system.")
@_service
@_circumstances
@pass_session
def acts(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List administrative acts: changes of how the mesh works.

    \b
    concord audit acts --since 30d
    """
    titles = ("record", "occurred_at", "actor", "call", "reason", "leaf")
    _ask(session, "changes", titles, limit, category=AUDIT_CATEGORY_ADMINISTRATION, **asked)


@click.command("disclosures", cls=Command)
@click.argument("name", metavar="[RECORD]", default="")
@click.option("--class", "shown", type=click.Choice(_CLASSES), help="Only disclosures of fields of this class.")
@_service
@_circumstances
@pass_session
def disclosures(session: Session, /, name: str, shown: str | None, limit: int | None, **asked: Any) -> None:
    """List who was shown sensitive fields of which records.

    \b
    concord audit disclosures suppliers/019352f2-… --class restricted
    """
    classification = Classification.Value(f"CLASSIFICATION_{(shown or 'unspecified').upper()}")
    titles = ("occurred_at", "actor", "purpose", "shown", "call", "leaf")
    _ask(session, "disclosures", titles, limit, record=name, classification=classification, **asked)


@click.command("denials", cls=Command)
@_option("--method", metavar="METHOD", told="Only calls of this RPC: /PACKAGE.SERVICE/METHOD.")
@_service
@_circumstances
@pass_session
def denials(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List calls that were not permitted, at any service.

    \b
    concord audit denials --since 1d
    """
    _ask(session, "denials", ("occurred_at", "actor", "call", "refused", "times", "leaf"), limit, **asked)


@click.command("questions", cls=Command)
@_circumstances
@pass_session
def questions(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List who asked the audit what.

    \b
    concord audit questions --actor auditor@example.org
    """
    _ask(session, "questions", ("occurred_at", "actor", "purpose", "call", "asked", "leaf"), limit, **asked)


def _ask(
    session: Session,
    nouns: str,
    titles: tuple[str, ...],
    limit: int | None,
    *,
    since: Timestamp | None,
    until: Timestamp | None,
    stated_purpose: str,
    **asked: Any,
) -> None:
    method = contracts.method(f"{_SERVICE}/List{nouns.title()}")
    request = contracts.request_of(method, start_time=since, end_time=until, purpose=stated_purpose, **asked)
    leaf_table.show(session.output, session.mesh.every(method, request, limit), titles, nouns)
