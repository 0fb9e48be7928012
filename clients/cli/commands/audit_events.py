"""`concord audit events`: evidence for other people's tools, an event a line."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display import fhir_event, ocsf_event

_LIST_LEAVES = "concord.audit.v1.AuditService/ListLeaves"
_FORMATS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "fhir": fhir_event.audit_event,
    "ocsf": ocsf_event.api_activity,
}


@click.command("events", cls=Command)
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), required=True, help="Whose events to write.")
@click.option("--record", default="", metavar="NAME", help="Only changes of this record.")
@click.option("--actor", default="", metavar="SUBJECT", help="Only what this subject did.")
@click.option("--service", default="", metavar="SERVICE", help="Only what this service sent, such as mdm.")
@click.option("--since", metavar="TIME", type=options.Moment(), help="Only from then on; such as 2h.")
@click.option("--until", metavar="TIME", type=options.Moment(), help="Only before then.")
@options.limit
@options.stated
@pass_session
def events(
    session: Session,
    form: str,
    record: str,
    actor: str,
    service: str,
    since: Timestamp | None,
    until: Timestamp | None,
    limit: int | None,
) -> None:
    """Write evidence as events of FHIR or OCSF, one a line.

    `fhir` writes FHIR R4B AuditEvent resources, `ocsf` OCSF events of the
    class API Activity: of changes, disclosures, refused calls, questions.

    \b
    concord audit events --format fhir --since 1d > events.ndjson
    """
    method = contracts.method(_LIST_LEAVES)
    request = contracts.request_of(
        method, record=record, actor=actor, source_service=service, start_time=since, end_time=until
    )
    with session.output.progress("events") as counted:
        for entry in counted(session.mesh.every(method, request, limit)):
            session.output.event(_FORMATS[form](entry))
