"""Synchronisation, quarantine and the feed on the command line, against a running hub and a running adapter."""

import json
import signal
from pathlib import Path

import pytest

from concord.mdm.v1.supplier_pb2 import Supplier
from tests.support.adapter.fake_connector import FakeSystem
from tests.support.adapter.served import ERP, OPERATOR, ServedAdapter
from tests.support.command_line import CommandLine
from tests.support.hub.served import READER, ServedHub
from tests.support.hub.stored import statement
from tests.support.waiting import eventually


def _names(found: str, what: str) -> list[str]:
    return [line for line in found.splitlines() if f"/{what}/" in line]


@pytest.mark.usefixtures("adapter")
def test_synchronisation_is_shown_run_paused_and_resumed(concord: CommandLine) -> None:
    assert "systems/erp  running" in concord.done("sync", "state")
    assert "pull_cursor" in concord.done("sync", "state", "erp")
    assert concord.asked("sync", "now", "erp", "--full")["read_count"] == "2"
    assert concord.asked("sync", "pause", "erp")["state"] == "STATE_PAUSED"
    refused = concord("sync", "now", ERP)
    assert (refused.status, "SYNC_PAUSED" in refused.err, "concord sync resume" in refused.err) == (1, True, True)
    assert concord.asked("sync", "resume", "erp")["state"] == "STATE_RUNNING"
    unknown = concord("sync", "now", "acme")
    assert (unknown.status, "behind adapters are systems/erp" in unknown.err) == (2, True)


@pytest.mark.usefixtures("adapter")
def test_a_broken_document_is_listed_shown_mended_and_replayed(concord: CommandLine, tmp_path: Path) -> None:
    (name,) = _names(concord.done("quarantine", "list"), "quarantinedDocuments")
    assert concord.asked("quarantine", "list", "--system", "erp", "--at", "adapters")[0]["name"] == name
    shown = concord.done("quarantine", "show", name)
    assert "MAPPING_FAILED" in shown
    assert '"broken": "yes"' in shown
    concord.done("quarantine", "show", name, "--original", str(tmp_path / "original"))
    original = json.loads((tmp_path / "original").read_bytes())
    del original["broken"]
    (tmp_path / "mended").write_text(json.dumps(original))
    again = concord("quarantine", "replay", name)
    assert again.status == 1
    rehearsed = concord.asked("quarantine", "replay", name, "--corrected", str(tmp_path / "mended"), "--validate-only")
    assert "source_record" not in rehearsed or concord.asked("quarantine", "list")
    concord.done("quarantine", "replay", name, "--corrected", str(tmp_path / "mended"), "--reason", "T-17")
    assert concord("quarantine", "list").out == ""
    assert name in concord.done("quarantine", "list", "--settled")
    assert concord.asked("get", name)["state"] == "STATE_SETTLED"
    assert concord.asked("get", "supplier", "--system", ERP, "--key", "vendor/2")["legal_name"] == "Bolt"


def test_the_hubs_quarantine_is_listed_shown_and_replayed(
    concord: CommandLine, mesh: ServedHub, tmp_path: Path
) -> None:
    mesh.hub.submit(statement(ERP, "party/1", Supplier(legal_name="Acme", lei="not a lei")))
    (name,) = _names(concord.done("quarantine", "list"), "quarantinedRecords")
    shown = concord.done("quarantine", "show", name)
    assert "not a lei" in shown
    corrected = tmp_path / "corrected.yaml"
    corrected.write_text(
        "system: systems/erp\nkey: party/1\nsource_time: 2026-01-01T00:00:00Z\n"
        "content: {'@type': type.googleapis.com/concord.mdm.v1.Supplier, legal_name: Acme}\n"
    )
    again = concord("quarantine", "replay", name)
    assert (again.status, "refused again" in again.err) == (1, True)
    original = tmp_path / "original.json"
    concord.done("quarantine", "show", name, "--original", str(original))
    assert json.loads(original.read_text())["content"]["lei"] == "not a lei"
    refused = concord("quarantine", "replay", name, "--corrected", str(original))
    assert refused.status == 1
    assert concord.asked("quarantine", "replay", name, "--corrected", str(corrected))["source_record"]
    assert concord("quarantine", "list").err == "no records in quarantine\n"
    assert concord("quarantine", "show", "systems/erp").status == 2


def test_an_original_is_shown_only_to_whom_it_is_shown(concord: CommandLine, adapter: ServedAdapter) -> None:
    concord.log_in(adapter.hub.issuer, (*READER, *OPERATOR))
    (found,) = concord.asked("quarantine", "list")
    assert "not shown" in concord.done("quarantine", "show", found["name"])
    original = concord.home / "original"
    said = concord("quarantine", "show", found["name"], "--original", str(original))
    assert (said.status, "mdm.restricted.read" in said.err, original.exists()) == (2, True, False)


def test_one_adapter_that_is_gone_does_not_hide_the_others(concord: CommandLine, adapter: ServedAdapter) -> None:
    concord.configure(adapter=["gone=127.0.0.1:1", f"erp=127.0.0.1:{adapter.port}"])
    said = concord("sync", "state")
    assert said.status == 3
    assert "systems/erp" in said.out
    assert "127.0.0.1:1 does not answer" in said.err
    told = concord("sync", "state", "--json")
    assert ([state["system"] for state in told.json], told.error["exit_status"]) == ([ERP], 3)
    assert concord.asked("sync", "now", "erp")["system_state"]["system"] == ERP


@pytest.mark.usefixtures("adapter")
def test_the_quarantine_of_a_system_that_is_behind_no_adapter_is_the_hubs(concord: CommandLine) -> None:
    said = concord("quarantine", "list", "--system", "hub")
    assert (said.status, said.err) == (0, "no records in quarantine\n")
    unknown = concord("quarantine", "list", "--system", "nothing")
    assert (unknown.status, "RECORD_NOT_FOUND" in unknown.err) == (1, True)
    assert concord("quarantine", "list", "--system", "hub", "--at", "adapters").status == 2


@pytest.mark.usefixtures("adapter")
def test_deliveries_and_discrepancies_are_listed(concord: CommandLine, system: FakeSystem) -> None:
    name = concord.asked("get", "supplier", "--system", ERP, "--key", "vendor/1")["name"]
    concord.done("update", name, "-f", "-", given="phone: '2'")
    eventually(lambda: system.rows["vendor/1"].fields["phone"] == "2")
    eventually(lambda: "delivered" in concord("deliveries").out)
    assert name in concord.done("deliveries", "--system", "erp")
    concord.done("update", name, "-f", "-", given=f"legal_name: {'x' * 70}")
    eventually(lambda: "not_expressible" in concord("discrepancies").out)
    assert concord.asked("discrepancies", "--system", "erp")[0]["golden_record"] == name


def test_the_feed_is_watched_from_the_beginning_from_a_cursor_and_by_type(
    concord: CommandLine, acme: str, tmp_path: Path
) -> None:
    eventually(lambda: "unpublished_count" not in concord.asked("feed"))
    assert f"create   {acme}@1" in concord.done("watch", "--from-beginning", "--no-follow")
    assert concord.done("watch", "items", "--from-beginning", "--no-follow") == ""
    assert "systems/hub" in concord.done("watch", "source-records", "--from-beginning", "--no-follow")
    cursor = concord.asked("feed")["newest_cursor"]
    kept = tmp_path / "cursor"
    kept.write_text(cursor)
    concord.done("update", acme, "-f", "-", given="phone: '2'")
    message = concord.asked("watch", "suppliers", "--cursor-file", str(kept), "--limit", "1")
    assert [change["record"] for change in message["transaction"]["changes"]] == [acme]
    assert kept.read_text().strip() == message["cursor"]
    assert concord.done("watch", "--cursor-file", str(kept), "--no-follow") == ""
    assert f"update   {acme}@2" in concord.done("watch", "--cursor", cursor, "--no-follow")
    assert concord("watch", "--cursor", "no cursor!", "--no-follow").status == 2
    foreign = concord("watch", "--cursor", "AAAA", "--no-follow")
    assert (foreign.status, "INVALID_CURSOR" in foreign.err) == (1, True)
    assert concord("watch", "--cursor", cursor, "--from-beginning").status == 2


def test_a_watch_follows_until_it_is_interrupted_and_tells_where_to_go_on(concord: CommandLine, acme: str) -> None:
    process = concord.process("watch", "--from-beginning")
    assert process.stdout is not None
    assert f"{acme}@1" in process.stdout.readline()
    concord.done("update", acme, "-f", "-", given="phone: '2'")
    assert f"{acme}@2" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.startswith("go on with --cursor ")


def test_a_reader_that_has_had_enough_ends_a_list_quietly(concord: CommandLine) -> None:
    process = concord.process("types", "suppliers")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
