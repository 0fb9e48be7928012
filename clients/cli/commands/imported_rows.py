"""What became of an import's rows, as the hub keeps it."""

from collections.abc import Sequence

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.files.import_report import OUTCOMES

_LIST = "concord.mdm.v1.ImportService/ListImportedRows"
_COLUMNS = ("row", "outcome", "golden_record", "error", "quarantined_record")
_NUMBERS = {words: number for number, words in OUTCOMES.items()}


@click.command(cls=Command)
@click.argument("name", metavar="IMPORT")
@click.option("--outcome", type=click.Choice(tuple(_NUMBERS)), help="Only rows that this became of.")
@options.limit
@options.tabular
@pass_session
def imported(session: Session, name: str, outcome: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List what became of the rows of an import.

    Kept for 90 days after its last batch; rows that the file itself does not
    say were never sent and are not here.

    \b
    concord list source-imports
    concord imported systems/legacy/sourceImports/019352f2-… --outcome refused
    """
    method = contracts.method(_LIST)
    request = contracts.request_of(method, name=name, outcome=_NUMBERS[outcome] if outcome else 0)
    session.output.records(session.mesh.every(method, request, limit), "rows", columns, _COLUMNS)
    session.output.hint("concord quarantine show NAME shows what a refused row said")
