"""References that do not hold: what waits for a steward after a system's word was taken."""

from collections.abc import Sequence

import click
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.kinds import Kind

_LIST = "concord.mdm.v1.StewardshipService/ListReferenceExceptions"
_COLUMNS = ("record", "path", "target_key", "target", "effective_period")


@click.command(cls=Command)
@click.option("--from-type", type=options.KindOfRecord("Explain"), metavar="TYPE", help="References from this type.")
@click.option("--to-type", type=options.KindOfRecord("Explain"), metavar="TYPE", help="References to this type.")
@click.option(
    "--effective-time", metavar="TIME", type=options.Moment(), help="Those that still do not hold on that UTC day."
)
@options.limit
@options.tabular
@pass_session
def exceptions(
    session: Session,
    from_type: Kind | None,
    to_type: Kind | None,
    effective_time: Timestamp | None,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """List references that do not hold.

    They point at what is not there, or not for as long, such as an
    assignment to a cost center that its system closed. An exception is gone when its cause is.
    """
    method = contracts.method(_LIST)
    request = contracts.request_of(
        method,
        record_type=from_type.record_type if from_type else "",
        target_type=to_type.record_type if to_type else "",
        effective_time=effective_time,
    )
    session.output.records(session.mesh.every(method, request, limit), "exceptions", columns, _COLUMNS)
