"""Match models on the command line, against a running hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.supplier import SUPPLIER
from services.mesh.postgres.elected import Elected
from tests.support.command_line import CommandLine, too_wide
from tests.support.hub.modelling import put_in_force, supplier
from tests.support.hub.served import EVERYTHING, ServedHub


@pytest.fixture
def training(mesh: ServedHub) -> Iterator[None]:
    """The job that trains models, at work."""
    job = Elected(mesh.hub.database, "model training", mesh.hub.parts.model_training.work, idle_pause_s=0.02)
    job.start()
    yield
    job.stop()


@pytest.fixture
def second(mesh: ServedHub, tmp_path: Path) -> CommandLine:
    """The command line of a second person."""
    (tmp_path / "second").mkdir()
    command_line = CommandLine(tmp_path / "second")
    command_line.configure(hub=f"127.0.0.1:{mesh.port}")
    command_line.log_in(mesh.issuer, EVERYTHING, subject="second@example.org")
    return command_line


@pytest.mark.usefixtures("training")
def test_a_model_is_trained_shown_tuned_and_promoted_by_a_second_person(
    mesh: ServedHub, concord: CommandLine, second: CommandLine
) -> None:
    pair = [supplier(mesh.hub, f"systems/{name}", "1", legal_name="Acme Surgical") for name in ("erp", "legacy")]
    rehearsed = concord.asked("model", "train", "suppliers", "--validate-only")
    assert rehearsed["state"] == "STATE_TRAINING"
    trained = concord.asked("model", "train", "suppliers", "--wait", "--precision", "0.995")
    name = trained["name"]
    assert (trained["state"], trained["promise"]["precision_permille"]) == ("STATE_PROPOSED", 995)
    shown = concord.done("model", "show", name)
    assert ("ATTRIBUTE" in shown, too_wide(shown)) == (True, [])
    refused = concord("model", "promote", name)
    assert (refused.status, "SECOND_PERSON_REQUIRED" in refused.err) == (1, True)
    assert second.asked("model", "promote", name)["state"] == "STATE_IN_FORCE"
    tuned = concord.asked("model", "train", "suppliers", "--base", name, "--link", "50")
    assert (tuned["state"], tuned["model"]["link_millibits"]) == ("STATE_PROPOSED", 50_000)
    listed = concord.asked("model", "list", "--type", "suppliers", "--state", "in_force")
    assert [one["name"] for one in listed] == [name]
    assert too_wide(concord.done("model", "list")) == []
    first, other = pair
    scored = concord.done("model", "score", f"{first}@1", other, "--model", tuned["name"])
    assert ("review, under" in scored, "legal_name" in scored or "name" in scored) == (True, True)
    assert concord("model", "score", f"{first}@x", other).status == 2
    assert concord.asked("model", "withdraw", tuned["name"])["state"] == "STATE_WITHDRAWN"


@pytest.mark.usefixtures("training")
def test_a_model_is_tried_out_before_it_decides(mesh: ServedHub, concord: CommandLine) -> None:
    for system in ("erp", "legacy"):
        supplier(mesh.hub, f"systems/{system}", "1", legal_name="Acme Surgical", phone=f"+1 555 010 {len(system)}")
    name = concord.asked("model", "train", "suppliers", "--wait")["name"]
    cuts = ("--link", "1", "--review", "-2", "--margin", "0")
    found = concord.asked("whatif", "model", name, *cuts)
    assert (found["summary"]["merge_count"], len(found["merges"])) == ("1", 1)
    shown = concord.done("whatif", "model", name, *cuts)
    assert ("would be one" in shown, "would be parted" in shown, too_wide(shown)) == (True, False, [])
    nothing = concord.done("whatif", "model", name, "--no-automatic-links", "--review", "900")
    assert ("would be one" in nothing, "merge count" in nothing.replace("_", " ")) == (False, False)


def test_live_quality_is_told_from_drawn_links(mesh: ServedHub, concord: CommandLine) -> None:
    put_in_force(mesh.hub, SUPPLIER, default_model(SUPPLIER))
    for system in ("erp", "legacy"):
        said = {"legal_name": "Acme Surgical", "phone": "+1 555 010 2345", "website": "https://acme.example"}
        supplier(mesh.hub, f"systems/{system}", "1", **said)
    assert "1 of 1 links" in concord.done("model", "draw", "suppliers", "--validate-only")
    drawn = concord.asked("model", "draw", "suppliers", "--size", "5")
    (match,) = drawn["matches"]
    before = concord.done("model", "quality", "suppliers")
    assert ("not known" in before, "1 drawn pairs" in concord("model", "quality", "suppliers").err) == (True, True)
    concord.done("decisions", "must-link", *match["source_records"], "--reason", "T-17")
    found = concord.asked("model", "quality", "suppliers")
    assert (found["precision"]["share"], found["precision"]["decided_count"]) == (1.0, "1")
    shown = concord.done("model", "quality", "suppliers")
    assert ("100.0%" in shown, "99.0%" in shown, too_wide(shown)) == (True, True, [])
    assert "right" in concord.done("model", "audit", drawn["name"])
    listed = concord.done("model", "audits", "--type", "suppliers")
    assert (drawn["name"] in listed, too_wide(listed)) == (True, [])
