"""Importing a file: its rows become source records of one system, and every row is accounted for."""

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection.import_streams import Batch, ImportStreams
from clients.cli.display.columns import Column
from clients.cli.files import mapping, table_file
from clients.cli.files.import_report import Report, Reported
from clients.cli.files.mapping import Mapped
from clients.cli.files.table_file import Row
from clients.cli.files.translation import Translation
from clients.cli.kinds import Kind, qualified
from clients.cli.mistake import Mistake
from concord.mdm.v1 import ingest_pb2

_METHOD = "concord.mdm.v1.IngestService/ImportSourceRecords"
_ROWS_A_BATCH = 200
_SHOWN = 20
_OWN = "@"
"""What begins the paths of a source record itself: `@key`, `@label`, `@source_time`."""
_OWN_PATHS = ("key", "label", "source_time")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Command, name="import")
@click.argument("file", type=_FILE)
@click.option(
    "--type", "kind", required=True, type=options.KindOfRecord("Explain"), metavar="TYPE", help="What the rows are."
)
@click.option("--system", required=True, metavar="SYSTEM", help="Who says it, such as systems/legacy.")
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=_FILE,
    metavar="FILE",
    help="Which column says which field: JSON or CSV.",
)
@click.option(
    "--source-time",
    type=options.Moment(),
    metavar="TIME",
    help="When the file's values were true, unless a column says it.",
)
@click.option("--dry-run", is_flag=True, help="Check every row, say what would happen, write nothing.")
@click.option("--resume", default="", metavar="IMPORT", help="Go on with an import that broke off, with the same file.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what became of every row there, as CSV.",
)
@click.option(
    "--encoding", default="", metavar="NAME", help="How the file is written; default: UTF-8, or its byte-order mark."
)
@click.option(
    "--delimiter", default="", metavar="CHARACTER", help="What parts cells: a character or comma, semicolon, tab, pipe."
)
@click.option(
    "--streams", default=2, show_default=True, type=click.IntRange(1, 16), help="How many batches are sent at once."
)
@options.stated
@pass_session
def import_(
    session: Session, /, kind: Kind, system: str, mapping_file: Path, file: Path, report_file: Path | None, **asked: Any
) -> int:
    """Import a CSV or Parquet file, such as a first load.

    Every row is created, linked to a record that was there, queued for a
    steward, or refused with its line and the reason; refused rows make the
    exit status 1. An import that broke off goes on with --resume: rows that
    were taken in are recognised, nothing is done twice.

    \b
    concord import vendors.csv --type supplier --system systems/legacy \\
      --mapping vendors.json --source-time 2026-11-01 --dry-run
    """
    delimiter = table_file.DELIMITERS.get(asked["delimiter"], asked["delimiter"])
    table = table_file.opened(file, asked["encoding"], delimiter)
    said = mapping.read(mapping_file)
    mapping.require_columns(said, table.header, str(file))
    reader = _Reader(kind, said, qualified("systems", system), asked["source_time"])
    total = sum(1 for _ in table)
    name = _import_name(reader.system, asked["resume"])
    if not asked["dry_run"]:
        session.output.note(f"import {name}: --resume goes on with it when it breaks off")
    with Report(name, report_file, reader.column_of) as report, session.output.bar("rows", total) as show:
        batches = _batches(table, reader, report, name, rehearsal=asked["dry_run"])
        streams = ImportStreams(session.mesh, contracts.method(_METHOD), batches, asked["streams"])
        for batch, answer in streams.answers():
            report.answered(batch.rows, answer)
            show(report.rows)
    if report.rows != total:
        raise Mistake(f"{report.rows} of {total} rows are accounted for: {file} changed meanwhile", f"--resume {name}")
    _tell(session, report, rehearsal=asked["dry_run"])
    return 1 if report.refused_count else 0


class _Reader:
    """Rows as source records. Raises Mistake for a mapping that does not fit the type."""

    def __init__(self, kind: Kind, said: Iterable[Mapped], system: str, source_time: Timestamp | None) -> None:
        message = kind.field.message_type
        assert message is not None  # noqa: S101 - a kind's field holds messages
        own = [one for one in said if one.path.startswith(_OWN)]
        for one in own:
            if one.path.removeprefix(_OWN) not in _OWN_PATHS:
                raise Mistake(f"{one.path!r} is no path", f"there is {', '.join(_OWN + path for path in _OWN_PATHS)}")
        paths = {one.path.removeprefix(_OWN) for one in own}
        if "key" not in paths:
            raise Mistake("no column is mapped to @key", 'map the system\'s own number: {"Vendor no": "@key"}')
        if "source_time" not in paths and source_time is None:
            raise Mistake(
                "nothing says when the values were true", "map a column to @source_time, or --source-time TIME"
            )
        record = ingest_pb2.SourceRecord.DESCRIPTOR
        renamed = [Mapped(one.path.removeprefix(_OWN), one.column, one.constant, one.form) for one in own]
        self.system = system
        self._own = Translation(renamed, record)
        self._content = Translation([one for one in said if not one.path.startswith(_OWN)], message)
        self._message: Any = GetMessageClass(message)
        self._source_time = source_time
        self._lines: dict[str, int] = {}

    def record(self, row: Row) -> ingest_pb2.SourceRecord | list[Reported]:
        """Return what a row says, or all that is wrong with it."""
        if row.problem:
            return [Reported.refused_here(row.line, "", "", row.problem)]
        said, content = ingest_pb2.SourceRecord(system=self.system), self._message()
        if self._source_time is not None:
            said.source_time.CopyFrom(self._source_time)
        problems = [*self._own.fill(row.cells, said), *self._content.fill(row.cells, content)]
        found = [Reported.refused_here(row.line, said.key, each.column, each.message) for each in problems]
        return found or self._unless_twice(row, said, content)

    def column_of(self, field: str) -> str:
        """Return the column that a field of a refused record came from; empty when it came from none."""
        within, _, path = field.partition(".")
        return self._content.column_of(path) if within == "content" else self._own.column_of(field)

    def _unless_twice(
        self, row: Row, said: ingest_pb2.SourceRecord, content: Any
    ) -> ingest_pb2.SourceRecord | list[Reported]:
        before = self._lines.setdefault(said.key, row.line) if said.key else row.line
        if before != row.line:
            problem = f"the key came in line {before} already: leave one of the two rows"
            return [Reported.refused_here(row.line, said.key, self._own.columns["key"], problem)]
        said.content.Pack(content, deterministic=True)
        return said


def _batches(table: Iterable[Row], reader: _Reader, report: Report, name: str, *, rehearsal: bool) -> Iterator[Batch]:
    """Yield what the file says in batches; what it can't say goes to the report at once."""
    records = _records(table, reader, report)
    for number in itertools.count(1):
        rows = list(itertools.islice(records, _ROWS_A_BATCH))
        if not rows:
            return
        request = ingest_pb2.ImportSourceRecordsRequest(source_import=name, batch=number, validate_only=rehearsal)
        for line, record in rows:
            request.rows.add(row=line, source_record=record)
        yield Batch(request, [(line, record.key) for line, record in rows])


def _records(table: Iterable[Row], reader: _Reader, report: Report) -> Iterator[tuple[int, ingest_pb2.SourceRecord]]:
    for row in table:
        record = reader.record(row)
        if isinstance(record, list):
            report.refused(record)
        else:
            yield row.line, record


def _import_name(system: str, resume: str) -> str:
    if not resume:
        return f"{system}/sourceImports/{uuid.uuid4()}"
    name = resume if "/" in resume else f"{system}/sourceImports/{resume}"
    if not name.startswith(f"{system}/sourceImports/"):
        raise Mistake(f"{name} is no import of {system}", "concord list source-imports shows what there is")
    return name


def _tell(session: Session, report: Report, *, rehearsal: bool) -> None:
    if session.as_json:
        session.output.document(report.document(rehearsal=rehearsal))
        return
    counted = [(outcome, f"{count:,}") for outcome, count in report.counts.items()]
    outcomes = [*counted, ("rows", f"{report.rows:,}")]
    session.output.table(
        [Column("OUTCOME", tuple(each for each, _ in outcomes)), Column("ROWS", tuple(each for _, each in outcomes))]
    )
    shown = report.first_refused[:_SHOWN]
    if shown:
        session.output.line("")
        session.output.table(_refused_columns(shown))
    if report.refused_count > len(shown):
        session.output.note(f"{report.refused_count - len(shown):,} further rows were refused: --report FILE lists all")
    if rehearsal:
        session.output.note("nothing was written; batches did not see one another, so that linked rows may be more")


def _refused_columns(shown: Sequence[Reported]) -> list[Column]:
    return [
        Column("LINE", tuple(str(each.line) for each in shown)),
        Column("KEY", tuple(each.key for each in shown)),
        Column("COLUMN", tuple(each.column for each in shown)),
        Column("REASON", tuple(each.message for each in shown)),
    ]
