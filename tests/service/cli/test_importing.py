"""`concord import` against a running hub: every row of the file is accounted for, and an import may break off."""

import csv
import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from clients.cli.connection import import_streams
from clients.cli.connection.import_streams import Batch, ImportStreams
from clients.cli.connection.mesh import RefusedError
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2, ingest_pb2
from services.mesh.errors import ConcordError
from tests.support.command_line import CommandLine, Said
from tests.support.hub.served import ServedHub

LEI = "9999009KEQ3R1RWIXO06"
MAPPING = {
    "Vendor no": "@key",
    "Name": "legal_name",
    "LEI": "lei",
    "Changed": {"path": "@source_time", "format": "%d.%m.%Y"},
    "Blocked": {"path": "status", "values": {"X": "STATUS_ON_HOLD", "": "STATUS_ACTIVE"}},
    "Town": "sites[0].address.locality",
    "Country": "sites[0].address.region_code",
    "sites[0].code": {"constant": "main"},
}
HEADER = ("Vendor no", "Name", "LEI", "Changed", "Blocked", "Town", "Country")


def row(number: int, *, lei: str = "", changed: str = "01.03.2026", blocked: str = "") -> tuple[str, ...]:
    return (str(number), f"Vendor {number}", lei, changed, blocked, "Ashford", "US")


class Importer:
    """The command with a file and a mapping."""

    def __init__(self, concord: CommandLine, directory: Path) -> None:
        self.concord = concord
        self.file = directory / "vendors.csv"
        self.report = directory / "report.csv"
        mapping = directory / "mapping.json"
        mapping.write_text(json.dumps(MAPPING))
        self.options = ["--type", "supplier", "--system", "legacy", "--mapping", str(mapping)]

    def write(self, rows: Sequence[Sequence[str]], delimiter: str = ",") -> None:
        with self.file.open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([HEADER, *rows])

    def __call__(self, *further: str) -> Said:
        return self.concord("import", str(self.file), *self.options, *further)

    def reported(self) -> list[dict[str, str]]:
        with self.report.open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def importer(concord: CommandLine, tmp_path: Path) -> Importer:
    """The command, with nothing imported yet."""
    return Importer(concord, tmp_path)


def test_every_row_of_a_file_is_accounted_for(importer: Importer, mesh: ServedHub) -> None:
    rows = [row(number) for number in range(1, 501)]
    rows[0] = row(1, lei=LEI)
    rows[299] = row(300, lei=LEI)
    rows[9] = row(10, changed="31.02.2026")
    rows[19] = row(20, lei="not a lei")
    rows[29] = row(5)
    rows[39] = (*row(40), "one too many")
    rows[49] = row(50, blocked="?")
    importer.write(rows)
    said = importer("--report", str(importer.report), "--json")
    assert said.status == 1
    told = said.json
    assert told["row_count"] == 500
    assert told["outcome_counts"] == {"created": 494, "linked": 1, "refused": 5}
    assert [int(each["line"]) for each in told["refused"]] == [11, 31, 41, 51, 21]
    listed = importer.reported()
    assert sorted(int(each["line"]) for each in listed) == list(range(2, 502))
    why = {each["line"]: (each["column"], each["message"]) for each in listed if each["outcome"] == "refused"}
    assert why["11"] == ("Changed", "is no date of the form %d.%m.%Y")
    assert why["31"] == ("Vendor no", "the key came in line 6 already: leave one of the two rows")
    assert why["41"][1].startswith("has 8 cells where the header has 7")
    assert why["51"] == ("Blocked", "is none of 'X', '': add it to the mapping's values")
    assert why["21"][0] == "LEI"
    assert mesh.hub.rows("SELECT count(*) FROM crosswalk WHERE system = 'systems/legacy'") == [(495,)]
    assert importer.concord.asked("list", "source-imports")[0]["row_count"] == "496"


def test_a_person_reads_the_counts_and_why_rows_were_refused(importer: Importer) -> None:
    importer.write([row(1), row(2, lei="not a lei"), row(3, changed="2026-01-01")], delimiter=";")
    said = importer()
    assert said.status == 1
    assert max(map(len, said.out.splitlines())) <= 80
    assert [line.split() for line in said.out.splitlines()[:4]] == [
        ["OUTCOME", "ROWS"],
        ["created", "1"],
        ["refused", "2"],
        ["rows", "3"],
    ]
    assert "no date of the form" in said.out
    assert "--resume" in said.err


def test_what_became_of_the_rows_of_an_import_is_listed_later(importer: Importer) -> None:
    importer.write([row(1, lei=LEI), row(2, lei=LEI), row(3, lei="not a lei")])
    importer()
    (made,) = importer.concord.asked("list", "source-imports")
    rows = importer.concord.asked("imported", made["name"])
    assert [each["outcome"].removeprefix("OUTCOME_").lower() for each in rows] == ["created", "linked", "refused"]
    refused = importer.concord.asked("imported", made["name"], "--outcome", "refused")
    assert refused == rows[2:]
    shown = importer.concord.done("imported", made["name"], "--outcome", "refused", "--columns", "row,error")
    assert [line.split()[0] for line in shown.splitlines()] == ["ROW", "4"]
    assert "CONSTRAINT_VIOLATED" in shown
    assert "RECORD_NOT_FOUND" in importer.concord("imported", f"{made['name'][:-1]}x").err


def test_a_dry_run_says_what_would_happen_and_writes_nothing(importer: Importer, mesh: ServedHub) -> None:
    importer.write([row(1, lei=LEI), row(2, lei=LEI), row(3, lei="not a lei")])
    before = mesh.hub.rows("SELECT count(*) FROM changes")
    said = importer("--dry-run", "--json")
    assert (said.status, said.json["outcome_counts"]) == (1, {"created": 1, "linked": 1, "refused": 1})
    assert mesh.hub.rows("SELECT count(*) FROM changes") == before
    assert importer.concord.asked("list", "source-imports") == []
    assert importer("--json").json["outcome_counts"] == said.json["outcome_counts"]


def test_an_import_that_broke_off_goes_on_and_does_nothing_twice(importer: Importer, mesh: ServedHub) -> None:
    importer.write([row(number) for number in range(1, 601)])
    name = "systems/legacy/sourceImports/019352f2-0000-7000-8000-000000000000"
    whole = importer.file.read_text()
    importer.file.write_text("".join(whole.splitlines(keepends=True)[:401]))
    assert importer("--resume", name).status == 0
    changes = mesh.hub.rows("SELECT count(*) FROM changes")[0][0]
    importer.file.write_text(whole)
    said = importer("--resume", name, "--report", str(importer.report), "--json")
    assert (said.status, said.json["outcome_counts"]) == (0, {"created": 600})
    assert [int(each["line"]) for each in importer.reported()] == list(range(2, 602))
    assert mesh.hub.rows("SELECT count(*) FROM changes") == [(int(str(changes)) + 400,)]
    importer.file.write_text(whole.replace("Vendor 7,", "Vendor seven,"))
    changed = importer("--resume", name)
    assert (changed.status, "REQUEST_ID_REUSED" in changed.err) == (1, True)


def test_a_parquet_file_is_imported(importer: Importer, tmp_path: Path) -> None:
    columns = 'n::VARCHAR AS "Vendor no", \'Vendor \' || n AS "Name", \'\' AS "LEI", DATE \'2026-03-01\' AS "Changed"'
    rest = "'' AS \"Blocked\", 'Ashford' AS \"Town\", 'US' AS \"Country\""
    importer.file = tmp_path / "vendors.parquet"
    made = duckdb.sql(f"SELECT {columns}, {rest} FROM range(1, 31) r(n)")  # noqa: S608 - constants
    assert made is not None
    made.write_parquet(str(importer.file))
    said = importer("--json")
    assert (said.status, said.json["outcome_counts"]) == (0, {"created": 30})
    found = importer.concord.asked("get", "supplier", "--system", "systems/legacy", "--key", "17")
    assert (found["legal_name"], found["sites"][0]["address"]["locality"]) == ("Vendor 17", "Ashford")


def test_a_mistake_is_told_before_anything_is_sent(importer: Importer, tmp_path: Path) -> None:
    importer.write([row(1)])
    other = tmp_path / "other.json"
    for mapping, told in (
        ({"Name": "legal_name"}, "no column is mapped to @key"),
        ({"Vendor no": "@key"}, "nothing says when the values were true"),
        ({"Vendor no": "@kee"}, "'@kee' is no path"),
        ({"Vendor": "@key"}, "has no column 'Vendor'"),
    ):
        other.write_text(json.dumps(mapping))
        said = importer("--mapping", str(other))
        assert (said.status, told in " ".join(said.err.split())) == (2, True), said.err
    foreign = importer("--resume", "systems/erp/sourceImports/019352f2-0000-7000-8000-000000000000")
    assert (foreign.status, "no import of systems/legacy" in " ".join(foreign.err.split())) == (2, True)
    assert importer.concord.asked("list", "source-imports") == []


def test_a_file_that_breaks_in_the_middle_ends_the_import_and_says_where(importer: Importer) -> None:
    importer.write([row(number) for number in range(1, 301)])
    with importer.file.open("ab") as file:
        file.write(b'"not closed')
    said = importer()
    assert (said.status, "line 302 is no CSV" in said.err) == (2, True)


def test_an_interrupt_leaves_an_import_that_goes_on(importer: Importer) -> None:
    importer.write([row(number) for number in range(1, 5001)])
    process = importer.concord.process("import", str(importer.file), *importer.options)
    assert process.stderr is not None
    name = next(line for line in process.stderr if "sourceImports" in line).split()[1].rstrip(":")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    said = importer("--resume", name, "--json")
    assert (said.status, said.json["outcome_counts"]) == (0, {"created": 5000})


class Shaky:
    """A mesh whose streams break after every second answer, so many times."""

    def __init__(self, breaks: int, reason: reasons.ErrorReason.ValueType) -> None:
        self.breaks = breaks
        self.reason = reason
        self.taken: list[int] = []

    def exchange(
        self, _method: object, requests: Iterator[ingest_pb2.ImportSourceRecordsRequest]
    ) -> Iterator[import_pb2.ImportSourceRecordsResponse]:
        for place, request in enumerate(requests):
            self.taken.append(request.batch)
            if place == 2 and self.breaks:
                self.breaks -= 1
                raise RefusedError(ConcordError(self.reason, "gone"), "hub", "ImportSourceRecords")
            yield import_pb2.ImportSourceRecordsResponse(batch=request.batch)


def numbered(count: int) -> Iterator[Batch]:
    for number in range(1, count + 1):
        yield Batch(ingest_pb2.ImportSourceRecordsRequest(batch=number), [])


def test_streams_that_break_are_opened_again_and_every_batch_is_answered_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_streams, "_FIRST_PAUSE_S", 0.001)
    mesh = Shaky(9, reasons.ERROR_REASON_SHUTTING_DOWN)
    streams = ImportStreams(mesh, None, numbered(60), 3)  # type: ignore[arg-type] # only exchange is asked for
    assert [batch.number for batch, _ in streams.answers()] == list(range(1, 61))
    assert len(mesh.taken) >= 60 + 9


def test_what_no_attempt_mends_ends_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_streams, "_FIRST_PAUSE_S", 0.001)
    for breaks, reason in ((1, reasons.ERROR_REASON_SYSTEM_UNKNOWN), (1000, reasons.ERROR_REASON_SHUTTING_DOWN)):
        mesh = Shaky(breaks, reason)
        if breaks > 1:
            monkeypatch.setattr(Shaky, "exchange", _never)
        streams = ImportStreams(mesh, None, numbered(60), 2)  # type: ignore[arg-type] # only exchange is asked for
        with pytest.raises(RefusedError):
            list(streams.answers())


def _never(*_: object) -> Iterator[import_pb2.ImportSourceRecordsResponse]:
    raise RefusedError(ConcordError(reasons.ERROR_REASON_SHUTTING_DOWN, "gone"), "hub", "ImportSourceRecords")


def test_a_hub_that_is_not_there_is_told(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_streams, "_FIRST_PAUSE_S", 0.001)
    importer.write([row(1)])
    importer.concord.configure(hub="127.0.0.1:1")
    said = importer()
    assert said.status == 3
