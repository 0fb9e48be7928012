"""A policy that was weakened, or a contract that was broken, is refused unless somebody answers for it."""

import datetime
import subprocess
from pathlib import Path

import pytest

from tests.contract.planting import SOUND, Edit, plant, planted
from tools.contracts.baseline import NoBaselineError, find_base, write_base_image
from tools.contracts.check import compare_contracts, compare_with_revision
from tools.contracts.waivers import read_waivers, without_waived
from tools.finding import Finding

TODAY = datetime.date(2026, 11, 24)
CONTRACT = "protos/concord/thing/v1/thing.proto"

# What is changed: the rule that must object, and the edit.
WEAKENED: dict[str, tuple[str, Edit]] = {
    "known": ("classification-lowered", ("CLASSIFICATION_RESTRICTED", "CLASSIFICATION_CONFIDENTIAL")),
    "told": ("treatment-weakened", ("treatment: TREATMENT_DROP", "treatment: TREATMENT_MASK")),
    "forgotten": ("retention-cut", ("RETENTION_RECORD", "RETENTION_OPERATIONAL")),
    "abroad": ("residency-widened", ("RESIDENCY_HOME_REGION", "RESIDENCY_ANY")),
    "crossing": (
        "boundary-added",
        ("boundaries: BOUNDARY_INTERNAL", "boundaries: [BOUNDARY_INTERNAL, BOUNDARY_PARTNER]"),
    ),
    "alone": ("two-person-control-dropped", (", payment_critical: true", "")),
    "permitted": ("permission-changed", ('"things.write"', '"things.read"')),
    "opened": ("layer-opened", ("LAYER_PROCESS", "LAYER_PARTNER")),
    "unseen": ("audit-weakened", ("AUDIT_CATEGORY_MUTATION", "AUDIT_CATEGORY_READ")),
    "orphaned": ("owner-removed", ('    technical_owner: "Thing team"\n', "")),
    "renamed": ("FIELD_SAME_JSON_NAME", ("string account", "string bank_account")),
    "retyped": ("FIELD_SAME_TYPE", ("string account", "bytes account")),
    "gone": ("ENUM_VALUE_NO_DELETE", ("    // In use.\n    STATE_ACTIVE = 1;\n", "")),
}
STRICTER: dict[str, Edit] = {
    "raised": ("CLASSIFICATION_PUBLIC", "CLASSIFICATION_CONFIDENTIAL"),
    "kept": ("RETENTION_RECORD", "RETENTION_EVIDENCE"),
    "handed": ("Thing team", "Other team"),
    "grown": (
        "message ListThingsRequest {",
        "message Added {\n}\n\n// Request of ListThings.\nmessage ListThingsRequest {",
    ),
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    edits = {package: edit for package, (_, edit) in WEAKENED.items()} | STRICTER
    base = plant(tmp_path_factory.mktemp("base"), dict.fromkeys(edits))
    return compare_contracts(plant(tmp_path_factory.mktemp("present"), dict(edits)), base)


@pytest.mark.parametrize("package", WEAKENED)
def test_a_weakened_policy_or_broken_contract_is_found(findings: list[Finding], package: str) -> None:
    rule, _ = WEAKENED[package]
    assert rule in {finding.rule for finding in findings if f"/{package}/" in finding.path}


def test_stricter_policies_and_additions_pass(findings: list[Finding]) -> None:
    assert [finding for finding in findings for package in STRICTER if f"/{package}/" in finding.path] == []


def test_no_waiver_file_waives_nothing(tmp_path: Path) -> None:
    assert read_waivers(tmp_path / "waivers.toml") == ([], [])


@pytest.mark.parametrize(("expires", "covered"), [("2026-11-24", True), ("2026-11-23", False)])
def test_a_waiver_covers_its_own_finding_to_the_end_of_its_last_day(
    tmp_path: Path, expires: str, *, covered: bool
) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(
        '[[waiver]]\nrule = "retention-cut"\nelement = "concord.thing.v1.Thing.name"\n'
        f'reviewer = "Head of things"\nreason = "The law changed."\nexpires = {expires}\n'
    )
    waivers, problems = read_waivers(path)
    assert problems == []
    waived = Finding(CONTRACT, 7, "retention-cut", "cut", "concord.thing.v1.Thing.name")
    other = Finding(CONTRACT, 8, "retention-cut", "cut", "concord.thing.v1.Thing.account")
    remaining = without_waived([waived, other], waivers, TODAY)
    assert other in remaining
    assert [finding.message for finding in remaining if finding.line == waived.line] == (
        [] if covered else [f"cut (its waiver expired on {expires})"]
    )


@pytest.mark.parametrize("missing", ["rule", "element", "reviewer", "reason", "expires"])
def test_an_incomplete_waiver_is_a_finding_and_waives_nothing(tmp_path: Path, missing: str) -> None:
    lines = {name: f'{name} = "x"' for name in ("rule", "element", "reviewer", "reason")}
    lines["expires"] = "expires = 2026-12-31"
    path = tmp_path / "waivers.toml"
    path.write_text("\n".join(["[[waiver]]", *(line for name, line in lines.items() if name != missing)]))
    waivers, problems = read_waivers(path)
    assert waivers == []
    assert [missing in problem.message for problem in problems] == [True]


def _git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(repository), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _commit(repository: Path, message: str) -> str:
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--allow-empty", "--message", message)
    return _git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    (tmp_path / ".gitignore").write_text("*.binpb\n")
    return tmp_path


def test_a_single_commit_has_nothing_to_be_compared_with(repository: Path) -> None:
    _commit(repository, "first")
    findings, line = compare_with_revision(repository / "image.binpb", repository)
    assert findings == []
    assert line == "contracts compared with nothing: the history has no earlier commit"


def test_the_base_is_where_the_branch_left_upstream_else_the_commit_before(repository: Path) -> None:
    first, second = _commit(repository, "first"), _commit(repository, "second")
    assert find_base(repository) == first
    _git(repository, "update-ref", "refs/remotes/origin/main", second)
    assert find_base(repository) == first
    _commit(repository, "third")
    _commit(repository, "fourth")
    assert find_base(repository) == second
    assert find_base(repository, "HEAD~3") == first
    with pytest.raises(LookupError, match="BASE=nowhere"):
        find_base(repository, "nowhere")


def test_contracts_are_compared_with_those_of_the_base_revision(repository: Path) -> None:
    plant(repository, {"thing": None})
    base = _commit(repository, "sound")
    contract = repository / CONTRACT
    contract.write_text(planted("thing", ("CLASSIFICATION_RESTRICTED", "CLASSIFICATION_CONFIDENTIAL")))
    _commit(repository, "weakened")
    image = plant(repository / "other", {"thing": WEAKENED["known"][1]})
    findings, line = compare_with_revision(image, repository)
    assert [finding.rule for finding in findings] == ["classification-lowered"]
    assert line == f"contracts compared with those of {base[:12]}"


def test_a_base_without_contracts_that_compile_is_told_and_refused_when_it_was_asked_for(repository: Path) -> None:
    plant(repository, {"thing": None})
    (repository / CONTRACT).write_text(SOUND.replace("service", "servant", 1))
    base = _commit(repository, "broken")
    with pytest.raises(NoBaselineError, match="do not compile"):
        write_base_image(repository, base, repository / "base.binpb")
    with pytest.raises(NoBaselineError):
        compare_with_revision(repository / "image.binpb", repository, base)
