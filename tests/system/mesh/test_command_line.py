"""Every command of `concord` against the whole mesh: readable in 80 columns, and JSON on demand."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from clients.cli.application import concord as root
from tests.support.command_line import CommandLine
from tests.support.database.mesh_databases import SOURCES, MeshDatabases, settled
from tests.support.waiting import eventually
from tests.unit.cli.test_command_tree import LEAVES, WITHOUT_OUTPUT
from tools.landscape.callers import ROLES
from tools.landscape.landscape import Landscape

PERMISSIONS = {permission for role in ROLES for permission in role.permissions}


@dataclass
class Terminal:
    """A command line that is logged in to the mesh, and names of what is there."""

    concord: CommandLine
    landscape: Landscape
    names: dict[str, str]

    def log_in(self, subject: str) -> None:
        """Become somebody else."""
        token = self.landscape.mesh.token(subject, tuple(PERMISSIONS))
        self.concord.done("login", "--token-file", "-", given=token)

    def words(self, *words: str) -> list[str]:
        """Put names into a command: `{supplier}`."""
        return [word.format_map(self.names) for word in words]


@pytest.fixture(scope="module")
def terminal(landscape: Landscape, databases: MeshDatabases, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal, with a record of each kind to look at."""
    concord = CommandLine(tmp_path_factory.mktemp("home"))
    services = landscape.mesh.services
    concord.configure(
        hub=services["mdm"].target,
        audit=services["audit"].target,
        adapter=[f"erp={services['erp_adapter'].target}", f"workforce={services['saas_adapter'].target}"],
    )
    made = Terminal(concord, landscape, {})
    made.log_in("steward@example.org")
    made.names |= _names(concord, concord.home)
    made.log_in("second@example.org")
    concord.done("codes", "promote", made.names["first_map"])
    made.log_in("steward@example.org")
    settled(databases)
    return made


def _names(concord: CommandLine, home: Path) -> Mapping[str, str]:
    pieces = [piece for one in concord.asked("list", "employees") for piece in one.get("slices", [])]
    staffed = {each["cost_center_code"] for piece in pieces for each in piece.get("assignments", [])}
    posting = [one for one in concord.asked("list", "cost-centers") if one["kind"] == "KIND_POSTING"]
    open_ended = [one for one in posting if "end_date" not in one.get("effective_period", {})]
    centers = [one for one in open_ended if one["code"] not in staffed]
    record = "{legal_name: Walked Supply, entities: [" + centers[0]["entity"] + "]}"
    supplier = concord.asked("create", "suppliers", "-f", "-", given=record)["name"]
    concord.done("update", supplier, "-f", "-", "--reason", "a walk", given="phone: '1'")
    double = concord.asked("create", "suppliers", "-f", "-", given=record)["name"]
    source, other_source = (
        concord.asked("list", "source-records", "--golden-record", each)[0]["name"] for each in (supplier, double)
    )
    scope = centers[0]["entity"]
    system = {"name": "systems/walked", "display_name": "Walked", "kind": "erp", "entity": scope, "trust_rank": 90}
    system |= {"authored_attributes": ["supplier"], "submitters": ["steward@example.org"]}
    created = json.dumps({"system": system, "request_id": str(uuid.uuid4())})
    concord.done_unbounded("call", "concord.mdm.v1.SystemService/CreateSystem", created)
    refused = {"@type": "type.googleapis.com/concord.mdm.v1.Supplier", "legal_name": "Acme", "lei": "no lei"}
    submission = {"system": system["name"], "key": "walk/1", "source_time": "2026-01-01T00:00:00Z", "content": refused}
    request = json.dumps({"sequence": 1, "source_record": submission})
    (answer,) = [
        json.loads(line)
        for line in concord.done_unbounded(
            "call", "concord.mdm.v1.IngestService/SubmitSourceRecords", request
        ).splitlines()
    ]
    changes = f"[{{key: '{centers[0]['code']}', detach: true}}]"
    tree = f"record_type: cost_center, hierarchy: walked, scope: {scope}"
    (home / "mended.json").write_text(json.dumps(submission | {"content": refused | {"lei": ""}}))
    (home / "proposal.yaml").write_text(f"{{{tree}, effective_date: 2030-01-01, changes: {changes}}}")
    (home / "record.yaml").write_text("legal_name: Walked On\n")
    (home / "new.yaml").write_text(f"{{legal_name: New, entities: [{scope}]}}")
    (home / "codes.csv").write_text("code,display_name\nEA,each\n")
    (home / "map.csv").write_text("source_code,canonical_code\nST,EA\n")
    concord.done("codes", "import", str(home / "codes.csv"), "--list", "walked")
    (home / "rules.yaml").write_text("{record_type: supplier, groups: [{group: phone, criteria: [CRITERION_RECENCY]}]}")
    (home / "amounts.csv").write_text(f"{centers[0]['code']},10,USD\n")
    (home / "vendors.csv").write_text("number,name\nwalk/2,Walked By\n")
    (home / "vendors.json").write_text('{"number": "@key", "name": "legal_name"}')
    (home / "left.csv").write_text("id,name\n1,Acme Surgical\n2,Acme Surgical Inc\n")
    (home / "truth.csv").write_text("left_id,right_id\n1,2\n")
    importing = ("import", str(home / "vendors.csv"), "--type", "supplier", "--system", "walked", "--mapping")
    concord.done(*importing, str(home / "vendors.json"), "--source-time", "2026-11-01")
    asking = ("change-requests", "create", supplier, "-f", str(home / "record.yaml"), "--reason", "a walk")
    return {
        "model": concord.asked("model", "train", "suppliers", "--wait")["name"],
        "first_map": concord.done("codes", "set", "erp", "walked", "PCE=EA").strip(),
        "map": concord.done("codes", "set", "erp", "walked", "KGM=EA").strip(),
        "rules": concord.asked("survivorship", "propose", "-f", str(home / "rules.yaml"))["name"],
        "asked": concord.asked(*asking)["name"],
        "supplier": supplier,
        "double": double,
        "source": source,
        "other_source": other_source,
        "center": centers[0]["name"],
        "scope": scope,
        "quarantined": answer["quarantined_record"],
        "imported": concord.asked("list", "source-imports")[0]["name"],
        "home": str(home),
    }


# One invocation of every command that answers with something; {names} as above.
WALK: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("types",): ("cost-centers",),
    ("get",): ("{supplier}",),
    ("list",): ("suppliers", "--limit", "5"),
    ("search",): ("suppliers", "9999009KEQ3R1RWIXO06"),
    ("check",): ("suppliers", "Acme Surgical", "--identifier", "9999009KEQ3R1RWIXO06"),
    ("explain",): ("{center}",),
    ("history",): ("{supplier}",),
    ("diff",): ("{supplier}", "1", "2"),
    ("create",): ("suppliers", "-f", "{home}/new.yaml", "--validate-only"),
    ("update",): ("{supplier}", "-f", "{home}/record.yaml", "--validate-only"),
    ("close",): ("{center}", "--effective-time", "2031-01-01", "--validate-only"),
    ("delete",): ("{supplier}", "--validate-only"),
    ("merge",): ("{supplier}", "{double}", "--reason", "a walk", "--validate-only"),
    ("decisions", "list"): (),
    ("review", "list"): (),
    ("model", "list"): ("--type", "suppliers"),
    ("model", "show"): ("{model}",),
    ("model", "train"): ("suppliers", "--validate-only"),
    ("model", "score"): ("{source}", "{other_source}", "--model", "{model}"),
    ("model", "audits"): (),
    ("whatif", "survivorship"): ("{rules}",),
    ("whatif", "codes"): ("erp", "walked", "ST=EA"),
    ("whatif", "model"): ("{model}", "--link", "12", "--most", "5"),
    ("decisions", "cannot-link"): ("{source}", "{other_source}", "--reason", "a walk", "--validate-only"),
    ("decisions", "must-link"): ("{source}", "{other_source}", "--reason", "a walk", "--validate-only"),
    ("tree", "hierarchies"): ("cost-centers", "--scope", "{scope}"),
    ("tree", "show"): ("cost-centers", "management", "--scope", "{scope}"),
    ("tree", "roll-up"): ("cost-centers", "management", "--scope", "{scope}", "--amounts", "{home}/amounts.csv"),
    ("tree", "propose"): ("-f", "{home}/proposal.yaml", "--validate-only"),
    ("tree", "proposals"): (),
    ("exceptions",): (),
    ("import",): (
        *("{home}/vendors.csv", "--type", "supplier", "--system", "walked", "--mapping", "{home}/vendors.json"),
        *("--source-time", "2026-11-01", "--dry-run"),
    ),
    ("imported",): ("{imported}",),
    ("codes", "lists"): (),
    ("codes", "maps"): (),
    ("codes", "show"): ("erp:walked",),
    ("codes", "set"): ("erp", "walked", "ST=EA", "--validate-only"),
    ("codes", "import"): ("{home}/map.csv", "--list", "walked", "--system", "erp", "--validate-only"),
    ("codes", "unmapped"): (),
    ("codes", "progress"): (),
    ("change-requests", "create"): (
        *("{supplier}", "-f", "{home}/record.yaml", "--reason", "a walk", "--validate-only"),
    ),
    ("change-requests", "list"): (),
    ("change-requests", "compare"): ("{asked}",),
    ("change-requests", "rebase"): ("{asked}", "--validate-only"),
    ("codes", "proposals"): (),
    ("codes", "compare"): ("{map}",),
    ("codes", "retire"): ("erp:walked", "--validate-only"),
    ("pins", "set"): (
        *("{supplier}", "website", "--empty", "--until", "2099-01-01", "--reason", "a walk", "--validate-only"),
    ),
    ("pins", "list"): (),
    ("pins", "notices"): (),
    ("survivorship", "list"): (),
    ("survivorship", "show"): ("suppliers",),
    ("survivorship", "propose"): ("-f", "{home}/rules.yaml", "--validate-only"),
    ("survivorship", "proposals"): (),
    ("survivorship", "retire"): ("suppliers", "--validate-only"),
    ("rebuild",): ("suppliers",),
    ("systems", "list"): (),
    ("systems", "get"): ("erp",),
    ("entities", "list"): (),
    ("entities", "get"): ("{scope}",),
    ("sync", "state"): (),
    ("sync", "now"): ("workforce",),
    ("sync", "pause"): ("workforce", "--validate-only"),
    ("sync", "resume"): ("workforce", "--validate-only"),
    ("deliveries",): ("--limit", "5"),
    ("discrepancies",): ("--settled", "--limit", "5"),
    ("watch",): ("--from-beginning", "--limit", "5"),
    ("feed",): (),
    ("holds", "list"): (),
    ("quarantine", "list"): (),
    ("quarantine", "show"): ("{quarantined}",),
    ("quarantine", "replay"): ("{quarantined}", "--corrected", "{home}/mended.json", "--validate-only"),
    ("quality",): (
        *("--type", "supplier", "--left", "{home}/left.csv", "--truth", "{home}/truth.csv"),
        *("--mapping", "name=legal_name"),
    ),
    ("audit", "record"): ("{supplier}",),
    ("audit", "list"): ("--limit", "5"),
    ("audit", "acts"): ("--limit", "5"),
    ("audit", "disclosures"): ("{supplier}",),
    ("audit", "denials"): ("--since", "1d"),
    ("audit", "questions"): ("--purpose", "a-walk", "--limit", "5"),
    ("audit", "leaf"): ("leaves/0",),
    ("audit", "gaps"): (),
    ("audit", "count"): (),
    ("audit", "tiles"): ("{home}/tiles",),
    ("audit", "reconcile"): (),
    ("audit", "export"): ("{home}/evidence.zip", "--record", "{supplier}"),
    ("call",): ("concord.mdm.v1.SystemService/ListSystems", "{{}}"),
    ("whoami",): (),
    ("config", "list"): (),
    ("config", "show"): (),
    ("config", "set"): ("walked", "--hub", "127.0.0.1:1"),
    ("config", "use"): ("test",),
}
# Each has a test of its own: below, of log-in, change requests, postings, pins, rules and maps, proofs, or events.
APART = {
    ("erase",),
    ("holds", "place"),
    ("holds", "release"),
    ("audit", "events"),
    ("audit", "checkpoint"),
    ("audit", "proof"),
    ("codes", "promote"),
    ("codes", "withdraw"),
    ("audit", "verify"),
    ("tree", "compare"),
    ("tree", "promote"),
    ("tree", "withdraw"),
    ("change-requests", "approve"),
    ("change-requests", "reject"),
    ("change-requests", "withdraw"),
    ("pins", "end"),
    ("pins", "acknowledge"),
    ("survivorship", "compare"),
    ("survivorship", "promote"),
    ("survivorship", "withdraw"),
    ("undelete",),
    ("unmerge",),
    ("decisions", "withdraw"),
    ("model", "promote"),
    ("model", "quality"),
    ("model", "draw"),
    ("model", "audit"),
    ("model", "withdraw"),
    ("review", "show"),
    ("review", "claim"),
    ("review", "release"),
    ("review", "decide"),
    ("validate-posting",),
    ("login",),
    ("logout",),
    ("config", "remove"),
}


def test_every_command_is_walked() -> None:
    assert set(WALK) | APART | WITHOUT_OUTPUT == set(LEAVES)
    assert isinstance(root, click.Group)


@pytest.mark.parametrize("path", WALK, ids=" ".join)
def test_a_command_is_readable_in_80_columns_and_answers_in_json(terminal: Terminal, path: tuple[str, ...]) -> None:
    words = [*path, *terminal.words(*WALK[path])]
    if path != ("call",):
        terminal.concord.done(*words)
    said = terminal.concord(*words, "--json")
    assert (said.status, said.err) == (0, "")
    for document in said.out.splitlines() if path == ("watch",) else [said.out]:
        json.loads(document)


def test_the_evidence_of_a_change_tells_who_and_why(terminal: Terminal) -> None:
    supplier = terminal.names["supplier"]

    def evidence() -> list[object]:
        found = terminal.concord.asked("audit", "record", supplier)
        return [(leaf["leaf"]["revision"], leaf["leaf"]["actor"], leaf["leaf"].get("reason")) for leaf in found]

    eventually(lambda: len(evidence()) == 2)
    assert evidence()[1] == ("2", "steward@example.org", "a walk")
    leaf = terminal.concord.asked("audit", "leaf", f"{supplier}@2")
    assert terminal.concord.asked("get", leaf["name"]) == leaf
    assert "a walk" in terminal.concord.done("audit", "leaf", leaf["name"])
    assert supplier in terminal.concord.done("audit", "list", "--actor", "steward@example.org", "--since", "1h")
    assert terminal.concord("audit", "leaf", f"{supplier}@99").status == 2
    assert terminal.concord.asked("audit", "gaps") == []


def test_the_whole_evidence_is_proven_with_the_witness_and_the_receipts_of_every_service(
    terminal: Terminal, databases: MeshDatabases
) -> None:
    home, mesh = Path(terminal.names["home"]), terminal.landscape.mesh
    bundle, keys = str(home / "whole.zip"), ("--key", str(mesh.public_key("log")))
    witness = ("--witness", str(mesh.public_key("witness")))
    settled(databases)
    terminal.concord.done("audit", "export", bundle)
    kept = [*(word for source in SOURCES for word in ("--receipts", str(_receipts(databases, source, home))))]
    proven = terminal.concord.asked("audit", "verify", bundle, *keys, *witness, *kept)
    assert (proven["holds"], proven["complete"]) == (True, True)
    # What the audit writes itself, such as questions, nobody else keeps receipts of.
    assert [each for each in proven["not_proven"][1:] if "the leaves of audit" not in each] == []
    assert [each["witness"] for each in proven["cosignatures"]] == ["witness.concord.local"]


def _receipts(databases: MeshDatabases, source: str, home: Path) -> Path:
    """Read a service's receipts out of its database, as docs/evidence.md says."""
    rows = databases.rows(
        source,
        "SELECT json_build_object('index', leaf_index, 'source_service', %s::text, 'record', record, "
        "'revision', revision, 'leaf_hash', encode(leaf_hash, 'base64'), 'time', published_at)::text "
        "FROM positions JOIN changes USING (seq) ORDER BY leaf_index",
        source,
    )
    file = home / f"{source}.receipts.jsonl"
    file.write_text("".join(f"{line}\n" for (line,) in rows))
    return file


def test_a_changed_code_map_is_followed_by_the_hub_itself(terminal: Terminal) -> None:
    def is_through() -> bool:
        (run,) = (
            each for each in terminal.concord.asked("codes", "progress") if each["code_map"] == "codeMaps/erp:walked"
        )
        return bool(run["state"] == "STATE_FINISHED")

    eventually(is_through)


def test_a_record_is_deleted_and_brought_back(terminal: Terminal) -> None:
    supplier = terminal.names["supplier"]
    assert "deleted" in terminal.concord.done("delete", supplier)
    assert "active" in terminal.concord.done("undelete", supplier)
    assert terminal.concord.asked("delete", supplier)["state"] == "STATE_DELETED"
    assert terminal.concord.asked("undelete", supplier)["state"] == "STATE_ACTIVE"


def test_records_are_merged_and_unmerged(terminal: Terminal) -> None:
    concord, names = terminal.concord, terminal.names
    merged = concord.asked("merge", names["supplier"], names["double"], "--reason", "a walk")
    assert concord.asked("get", merged["retired_name"])["name"] == merged["name"]
    parted = concord.asked("unmerge", names["other_source"], "--reason", "a walk")
    assert parted["golden_record"] == names["double"]
    withdrawn = concord.asked("decisions", "withdraw", parted["decisions"][0]["name"], "--reason", "a walk")
    assert withdrawn["state"] == "STATE_WITHDRAWN"


def test_a_model_is_promoted_by_a_second_person_and_its_queue_worked(terminal: Terminal) -> None:
    concord = terminal.concord
    asking = ("model", "train", "suppliers", "--base", terminal.names["model"], "--no-automatic-links")
    name, other = (concord.asked(*asking)["name"] for _ in range(2))
    assert concord.asked("model", "withdraw", other)["state"] == "STATE_WITHDRAWN"
    terminal.log_in("second@example.org")
    assert "in_force" in concord.done("model", "promote", name).replace(" ", "_")
    terminal.log_in("steward@example.org")
    concord.done("model", "quality", "suppliers")
    drawn = concord.asked("model", "draw", "suppliers", "--size", "5")["name"]
    concord.done("model", "audit", drawn)
    assert drawn in [each["name"] for each in concord.asked("model", "audits")]
    pair = eventually(lambda: concord.asked("review", "list", "--type", "suppliers"))[0]
    assert pair["score_millibits"] in concord.asked("review", "show", pair["name"]).values()
    for command in (("show",), ("claim",), ("release",)):
        concord.done("review", *command, pair["name"])
    rejected = concord.asked("review", "decide", pair["name"], "reject", "--reason", "a walk")
    assert rejected["match_decision"]["kind"] == "KIND_CANNOT_LINK"
    assert pair["name"] not in [each["name"] for each in concord.asked("review", "list")]


def test_a_proposal_is_compared_withdrawn_and_promoted(terminal: Terminal) -> None:
    concord, file = terminal.concord, f"{terminal.names['home']}/proposal.yaml"
    first, second = (concord.asked("tree", "propose", "-f", file)["name"] for _ in range(2))
    concord.done("tree", "compare", first)
    assert "problems" not in concord.asked("tree", "compare", first)
    assert "withdrawn" in concord.done("tree", "withdraw", first)
    terminal.log_in("second@example.org")
    assert concord.asked("tree", "promote", second, "--reason", "a walk")["state"] == "STATE_PROMOTED"
    terminal.log_in("steward@example.org")


def test_synchronisation_is_paused_and_resumed(terminal: Terminal) -> None:
    concord = terminal.concord
    assert "paused" in concord.done("sync", "pause", "workforce")
    try:
        assert concord("sync", "now", "workforce").status == 1
    finally:
        assert "running" in concord.done("sync", "resume", "workforce")
    assert {state["system"] for state in concord.asked("sync", "state")} == {"systems/erp", "systems/workforce"}
