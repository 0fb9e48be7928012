"""Whether a posting may be made, as the ledger, its accounts and the cost centers are."""

from datetime import UTC, datetime

import click
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display import refusal, values
from clients.cli.kinds import qualified

_VALIDATE = "concord.mdm.v1.ValidationService/ValidatePosting"
_COLUMNS = ("kind", "description", "record")


@click.command(cls=Command)
@click.argument("ledger")
@click.argument("account")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Of the posting; default: today.")
@click.option("--cost-center", "code", default="", metavar="CODE", help="The cost center that is charged.")
@click.option("--entity", default="", metavar="ENTITY", help="Whose cost center it is; default: the ledger's entity.")
@click.option("--currency", default="", metavar="CODE", help="ISO 4217; default: the ledger's.")
@options.read_time
@options.wide
@pass_session
def validate_posting(
    session: Session,
    ledger: str,
    account: str,
    day: datetime | None,
    code: str,
    entity: str,
    currency: str,
    read_time: Timestamp | None,
) -> int:
    """Say whether a posting may be made, and what hinders it.

    Nothing is posted. The exit status is 1 when something stands in the way.

    \b
    concord validate-posting us 6400 --cost-center 106010 --date 2026-11-30
    """
    on = day or datetime.now(UTC)
    posted = Date(year=on.year, month=on.month, day=on.day)
    request = contracts.request_of(
        contracts.method(_VALIDATE),
        ledger=qualified("ledgers", ledger),
        account_number=account,
        posting_date=posted,
        cost_center_code=code,
        cost_center_entity=qualified("entities", entity) if entity else "",
        currency_code=currency,
        read_time=read_time,
    )
    answer = session.mesh.ask(contracts.method(_VALIDATE), request)
    if session.as_json:
        session.output.record(answer)
    elif answer.allowed:
        session.output.line(f"it may be posted on {values.message_text(posted)}")
    else:
        session.output.records(answer.violations, "violations", default=_COLUMNS)
    return refusal.OK if answer.allowed else refusal.REFUSED
