"""Records on the command line, against a running hub."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from clients.cli import kinds
from concord.mdm.v1 import cost_center_pb2, supplier_pb2
from services.mdm.domain.registry import RECORD_TYPES
from tests.service.cli.conftest import LEI
from tests.support.command_line import CommandLine, too_wide
from tests.support.hub.served import READER, ServedHub
from tests.support.hub.stored import statement
from tests.support.samples.periods import period_message
from tests.support.waiting import eventually


def test_every_record_type_of_the_hub_is_found_in_the_contracts() -> None:
    assert {kind.record_type for kind in kinds.masters()} == {record_type.name for record_type in RECORD_TYPES}


@pytest.mark.parametrize("kind", kinds.masters(), ids=lambda kind: str(kind.nouns))
def test_every_master_can_be_listed_and_searched(concord: CommandLine, kind: kinds.Kind) -> None:
    for name in (kind.nouns, kind.record_type, kind.singular):
        assert concord.asked("list", name) == []
    assert concord.asked("search", kind.nouns, "nothing") == []
    said = concord("list", kind.nouns)
    assert (said.status, said.out, said.err) == (0, "", f"no {kind.nouns}\n")


def test_a_record_is_got_by_name_by_key_and_by_revision(concord: CommandLine, acme: str) -> None:
    by_name = concord.asked("get", acme)
    assert by_name["legal_name"] == "Acme Surgical Supply, Incorporated"
    for system in ("systems/hub", "hub"):
        assert concord.asked("get", "supplier", "--system", system, "--key", acme) == by_name
        assert len(concord.asked("list", "source-records", "--system", system)) == 1
    assert concord.asked("get", acme, "--revision", "1") == by_name
    shown = concord.done("get", acme)
    assert f"lei          {LEI}\n" in shown
    assert "state        active\n" in shown


def test_a_list_shows_what_fits_and_more_on_demand(concord: CommandLine, acme: str) -> None:
    shown = concord.done("list", "suppliers")
    assert shown.startswith("NAME")
    assert f"{acme}  Acme Surgical …" in shown
    assert "Incorporated" in concord.done_unbounded("list", "suppliers", "--wide")
    assert concord.done("list", "suppliers", "--columns", "lei,name").startswith("LEI")
    assert len(concord.asked("list", "suppliers", "--limit", "1")) == 1
    assert concord.asked("list", "suppliers", "--filter", f'lei = "{LEI}"')[0]["name"] == acme
    assert concord.asked("list", "suppliers", "--filter", "status = STATUS_ON_HOLD") == []


def test_a_list_goes_through_every_page(concord: CommandLine, mesh: ServedHub) -> None:
    centers = [cost_center_pb2.CostCenter(entity="entities/north", code=f"{code:04}") for code in range(1203)]
    for first in range(0, len(centers), 200):
        mesh.hub.submit(*(statement("systems/erp", one.code, one) for one in centers[first : first + 200]))
    listed = concord.asked("list", "cost-centers", "--order-by", "code")
    assert [one["code"] for one in listed] == [one.code for one in centers]


def test_a_search_finds_an_identifier_however_it_is_written(concord: CommandLine, acme: str) -> None:
    said = concord("search", "suppliers", LEI.lower())
    assert acme in said.out
    assert said.err == "found in lei\n"


def test_history_and_diff_tell_what_changed(concord: CommandLine, acme: str) -> None:
    concord.done("update", acme, "-f", "-", "--reason", "T-17", given="{legal_name: Acme Inc, phone: '555'}")
    assert [one["revision"] for one in concord.asked("history", acme)] == ["2", "1"]
    assert "legal_name, phone" in concord.done("history", acme)
    assert "(first)" not in concord.done("history", acme, "--limit", "1")
    differences = concord.asked("diff", acme)["differences"]
    assert differences == [
        {"path": "legal_name", "before": "Acme Surgical Supply, Incorporated", "after": "Acme Inc"},
        {"path": "phone", "before": "", "after": "555"},
    ]
    assert concord.asked("diff", acme, "2", "1")["differences"][1]["before"] == "555"
    assert concord("diff", acme, "1", "1").err == "they say the same\n"
    assert concord("diff", acme, "1", "9").status == 2


def test_a_registration_is_changed_by_a_file_that_holds_only_what_changes(concord: CommandLine) -> None:
    before = concord.asked("get", "systems/erp")
    after = concord.asked("update", "systems/erp", "-f", "-", given="technical_owner: Somebody else")
    assert after["technical_owner"] == "Somebody else"
    kept = {"display_name", "kind", "entity", "trust_rank"} & set(before)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_history_names_elements_by_their_whole_keys(concord: CommandLine, acme: str) -> None:
    sites = "sites: [{code: erp.1, address: {locality: Here}}, {code: two, address: {locality: There}}]"
    concord.done("update", acme, "-f", "-", given=sites)
    concord.done("update", acme, "-f", "-", given=sites.replace("There", "Elsewhere"))
    changed = [line.split("active")[1].strip() for line in concord.done("history", acme).splitlines()[1:]]
    assert changed == ["sites[two]", "sites[erp.1], sites[two]", "(first)"]


def test_a_read_time_shows_what_was_known_then(concord: CommandLine, acme: str) -> None:
    eventually(lambda: "unpublished_count" not in concord.asked("feed"))
    then = datetime.now(UTC).isoformat()
    concord.done("update", acme, "-f", "-", given="legal_name: Acme Inc")
    assert concord.asked("get", acme, "--read-time", then)["revision"] == "1"
    assert concord.asked("get", acme)["revision"] == "2"
    assert concord("get", acme, "--read-time", "tomorrow").status == 2
    too_early = concord("get", acme, "--read-time", "2020-01-01", "--json")
    assert too_early.status == 1


def test_an_effective_time_picks_the_slice_and_is_refused_where_nothing_is_dated(
    concord: CommandLine, mesh: ServedHub, acme: str
) -> None:
    center = cost_center_pb2.CostCenter(entity="entities/north", code="1")
    for start, name in ((date(2025, 1, 1), "Old"), (date(2026, 1, 1), "New")):
        end = date(2026, 1, 1) if name == "Old" else None
        center.slices.add(effective_period=period_message(start, end), display_name=name)
    mesh.hub.submit(statement("systems/erp", "1", center))
    at = concord.asked("list", "cost-centers", "--effective-time", "2025-07-01")
    assert [each["display_name"] for each in at[0]["slices"]] == ["Old"]
    assert "2025-01-01 until 2026-01-01" in concord.done("get", at[0]["name"])
    refused = concord("get", acme, "--effective-time", "2025-07-01")
    assert "--effective-time is not offered for suppliers" in refused.err


def test_explain_names_who_said_each_value_and_whom_it_beat(concord: CommandLine, mesh: ServedHub) -> None:
    for system, name in (("systems/erp", "ACME INC"), ("systems/workforce", "Acme")):
        center = cost_center_pb2.CostCenter(entity="entities/north", code="1")
        center.slices.add(display_name=name)
        mesh.hub.submit(statement(system, "7", center))
    name = concord.asked("list", "cost-centers")[0]["name"]
    shown = concord.done("explain", name)
    assert "said by" in shown
    assert "systems/erp 7 since" in shown
    assert "Acme of systems/workforce 7" in " ".join(shown.split())
    only = concord.asked("explain", name, "--path", "slices.display_name")
    assert {value["path"] for value in only["values"]} == {"slices.display_name"}
    assert "no value begins with nonsense" in concord("explain", name, "--path", "nonsense").err


def test_source_records_can_be_listed_got_and_compared(concord: CommandLine, acme: str) -> None:
    (source,) = concord.asked("list", "source-records", "--golden-record", acme)
    concord.done("update", acme, "-f", "-", given="legal_name: Acme Inc")
    assert "legal_name" in concord.done("get", source["name"])
    assert "content.legal_name" in concord.done("diff", source["name"])
    assert concord.done("list", "source-records")
    assert concord("list", "suppliers", "--golden-record", acme).status == 2


def test_a_record_edited_as_it_was_shown_is_updated_on_the_revision_it_was_read_at(
    concord: CommandLine, acme: str, tmp_path: Path
) -> None:
    file = tmp_path / "acme.json"
    file.write_text(concord.done_unbounded("get", acme, "--json"))
    unchanged = concord("update", acme, "-f", str(file))
    assert "nothing to change" in unchanged.err
    edited = json.loads(file.read_text()) | {"website": "acme.example"}
    file.write_text(json.dumps(edited))
    assert concord.asked("update", acme, "-f", str(file), "--validate-only")["website"] == "acme.example"
    assert "website" not in concord.asked("get", acme)
    assert concord.asked("update", acme, "-f", str(file))["revision"] == "2"
    emptied = concord.asked("get", acme)
    del emptied["website"]
    file.write_text(json.dumps(emptied))
    assert "website" not in concord.asked("update", acme, "-f", str(file))
    file.write_text(json.dumps(edited | {"website": "other.example"}))
    stale = concord("update", acme, "-f", str(file))
    assert stale.status == 1
    assert f"concord get {acme}" in " ".join(stale.err.split())


def test_a_record_is_deleted_brought_back_and_closed(concord: CommandLine, mesh: ServedHub, acme: str) -> None:
    assert concord.asked("delete", acme)["state"] == "STATE_DELETED"
    assert concord.asked("undelete", acme)["state"] == "STATE_ACTIVE"
    mesh.hub.submit(statement("systems/erp", "1", cost_center_pb2.CostCenter(entity="entities/north", code="1")))
    name = concord.asked("list", "cost-centers")[0]["name"]
    closed = concord.asked("close", name, "--effective-time", "2027-01-01")
    assert closed["effective_period"]["end_date"] == {"year": 2027, "month": 1, "day": 1}
    refused = concord("close", acme, "--effective-time", "2027-01-01")
    assert "close is not offered for suppliers" in refused.err


def test_a_file_that_is_no_record_is_refused_before_anything_is_sent(concord: CommandLine, acme: str) -> None:
    for given in ("legal_nmae: Acme", "- a list", "legal_name: {a: b}", "{"):
        said = concord("update", acme, "-f", "-", given=given)
        assert (said.status, said.out) == (2, ""), given
    assert concord.asked("get", acme)["revision"] == "1"


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["get", "suppliers/nothing"], 1, "RECORD_NOT_FOUND"),
        (["list", "suppliers", "--filter", "bla bla"], 1, "INVALID_FILTER"),
        (["list", "suppliers", "--filter", "phone = 1"], 1, "FIELD_NOT_FILTERABLE"),
        (["get", "supplier/1"], 2, "USAGE"),
        (["list", "suplier"], 2, "USAGE"),
        (["list"], 2, "USAGE"),
        (["nonsense"], 2, "USAGE"),
        (["get", "suppliers/1", "--context", "nowhere"], 2, "USAGE"),
    ],
)
def test_an_error_names_reason_and_fix_for_people_and_for_programs(
    concord: CommandLine, arguments: list[str], status: int, reason: str
) -> None:
    told = concord(*arguments, "--json")
    assert (told.status, told.out, told.error["reason"], told.error["exit_status"]) == (status, "", reason, status)
    assert told.error["fix"]
    shown = concord(*arguments)
    assert (shown.status, shown.out) == (status, "")
    assert shown.err.splitlines()[0].startswith("error: ")
    assert "\nfix: " in shown.err
    assert too_wide(shown.err) == []
    assert reason == "USAGE" or f"({reason})" in " ".join(shown.err.split())


def test_a_missing_permission_is_named(concord: CommandLine, mesh: ServedHub, acme: str) -> None:
    concord.log_in(mesh.issuer, READER)
    said = concord("delete", acme)
    assert said.status == 1
    assert "ask for the permission mdm.suppliers.write" in said.err


def test_a_mesh_that_does_not_answer_is_told_with_its_address_and_exits_with_3(concord: CommandLine) -> None:
    concord.configure(hub="127.0.0.1:1")
    said = concord("systems", "list")
    assert said.status == 3
    assert said.err.startswith("error: 127.0.0.1:1 does not answer")


def test_restricted_values_are_shown_only_to_whom_the_hub_shows_them(concord: CommandLine, mesh: ServedHub) -> None:
    record = "{legal_name: Bolt, entities: [entities/group], tax_ids: [{country: US, scheme: ein, value: 12-3456789}]}"
    name = concord.asked("create", "suppliers", "-f", "-", given=record)["name"]
    assert "3456789" in concord.done("get", name).replace("-", "")
    concord.log_in(mesh.issuer, READER)
    assert "3456789" not in concord.done("get", name).replace("-", "")


def test_any_method_can_be_called_with_json(concord: CommandLine, acme: str) -> None:
    answer = concord.asked("call", "concord.mdm.v1.SupplierService/GetSupplier", json.dumps({"name": acme}))
    assert answer["supplier"]["name"] == acme
    assert concord("call", "concord.mdm.v1.SupplierService/GetSuplier").status == 2
    assert concord("call", "concord.mdm.v1.SupplierService/GetSupplier", "{").status == 2


def test_systems_entities_and_types_are_listed(concord: CommandLine) -> None:
    assert "systems/erp" in concord.done("systems", "list")
    assert concord.asked("systems", "get", "erp")["name"] == "systems/erp"
    assert concord.asked("entities", "get", "entities/north")["parent"] == "entities/group"
    assert "suppliers" in [row["type"] for row in concord.asked("types")]
    assert "confidential" in concord.done("types", "suppliers")


def test_the_entry_point_runs_as_a_process_and_prints_no_colours(concord: CommandLine) -> None:
    process = concord.process("systems", "list")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("NAME")
    assert "\x1b" not in out


@pytest.mark.parametrize("colours", [True, False])
def test_at_a_terminal_headings_are_marked_and_no_line_is_wider_than_it(
    concord: CommandLine, acme: str, *, colours: bool
) -> None:
    shown = _at_a_terminal(concord, ["list", "suppliers"], {} if colours else {"NO_COLOR": "1", "TERM": "dumb"})
    assert ("\x1b[" in shown) == colours
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert acme in plain
    assert too_wide(plain) == []


def _at_a_terminal(concord: CommandLine, arguments: list[str], more: dict[str, str]) -> str:
    """Run a command on a pseudo-terminal of 80 columns; return what it showed on stdout."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, **concord.environment, "TERM": "xterm", **more}
    del environment["COLUMNS"]
    with os.fdopen(ours, "rb") as terminal:
        command = [sys.executable, "-m", "clients.cli", *arguments]
        process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := terminal.read1():
                shown += part
        assert process.wait(timeout=60) == 0
    return shown.decode()


def test_a_check_shows_what_resembles_a_record_with_score_verdict_and_reasons(
    concord: CommandLine, mesh: ServedHub, acme: str, tmp_path: Path
) -> None:
    mesh.hub.submit(statement("systems/erp", "2", supplier_pb2.Supplier(legal_name="Medline", phone="847 949 5500")))
    eventually(lambda: list(mesh.hub.rows("SELECT FROM spool")) == [])
    while mesh.hub.parts.search_index.step():
        pass
    shown = concord("check", "suppliers", "Acme Surgikal Suply")
    assert re.search(rf"{acme}  review, \+\d\.\d bits\n *name +nearly the same \(\+", shown.out)
    assert shown.err == "scored by the default model of the type\n"
    assert not too_wide(shown.out)
    (hit,) = concord.asked("check", "suppliers", "--field", "phone=(847) 949-5500")["hits"]
    assert (hit["supplier"]["legal_name"], hit["evidence"]["reasons"][0]["attribute"]) == ("Medline", "phone")
    file = tmp_path / "acme.yaml"
    file.write_text(f"legal_name: Acme\nlei: {LEI}\n")
    assert re.search(r"link, .* bits\n *lei +the same", concord.done("check", "suppliers", "-f", str(file)))
    assert f"{acme}  has the identifier\n" in concord.done("check", "suppliers", "Zyxwvut", "--identifier", LEI)
    assert concord("check", "suppliers", "Zyxwvut").err == "no suppliers resemble it\n"
    assert "nothing to look for" in concord("check", "suppliers").err
    assert "known by their codes" in concord("check", "accounts", "Salaries").err
    assert "has no value" in concord("check", "suppliers", "--field", "phone").err
