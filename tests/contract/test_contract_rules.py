"""Every rule on the contracts catches what is planted against it, and says where."""

from pathlib import Path

import pytest

from tests.contract.planting import Edit, plant, planted
from tools.contracts.check import check_contracts
from tools.contracts.sources import comment_share, thinly_commented
from tools.finding import Finding

INTERNAL = "[(governance.v1.field).classification = CLASSIFICATION_INTERNAL]"

# What is planted: the rule that must object, the edit, and what the finding must say.
PLANTS: dict[str, tuple[str, Edit, str]] = {
    "ownerless": ("service-policy", ('    business_owner: "Head of things"\n', ""), "no business_owner"),
    "domainless": ("service-policy", ('    data_domain: "thing"\n', ""), "no data_domain"),
    "endless": ("service-policy", ("LIFECYCLE_ACTIVE", "LIFECYCLE_DEPRECATED"), "no sunset_date"),
    "open": ("method-policy", ('      permission: "things.read"\n', ""), "no permission"),
    "odd": ("method-policy", ('"things.read"', '"everything"'), "permission like"),
    "layerless": ("method-policy", ("      layer: LAYER_PROCESS\n", ""), "no layer"),
    "unaudited": ("method-policy", ("      audit: AUDIT_CATEGORY_READ\n", ""), "no audit"),
    "unrepeatable": ("method-policy", ("      idempotency: IDEMPOTENCY_NO_SIDE_EFFECTS\n", ""), "no idempotency"),
    "unsaid": ("method-policy", ("      interaction: INTERACTION_SYNCHRONOUS\n", ""), "no interaction"),
    "slow": ("method-policy", ("      latency_objective: {nanos: 1}\n", ""), "no latency_objective"),
    "sly": ("method-policy", ("IDEMPOTENCY_BY_REQUEST_ID", "IDEMPOTENCY_NO_SIDE_EFFECTS"), "no side effects"),
    "careless": ("method-policy", ("IDEMPOTENCY_NO_SIDE_EFFECTS", "IDEMPOTENCY_BY_CONTENT"), "side effects"),
    "lawless": (
        "message-policy",
        ("  option (governance.v1.message) = {treatment: TREATMENT_SHOW, retention: RETENTION_TRANSIENT};\n", ""),
        "ListThingsRequest has no treatment, retention",
    ),
    "homeless": ("residency", ("    residency: RESIDENCY_HOME_REGION\n", ""), "Thing.name is stored"),
    "unclassified": ("classification", (f"page_size = 1 {INTERNAL}", "page_size = 1"), "page_size has no class"),
    "unspecified": ("classification", ("CLASSIFICATION_PUBLIC", "CLASSIFICATION_UNSPECIFIED"), "titles has no class"),
    "shown": ("restricted-shown", ("treatment: TREATMENT_DROP", "treatment: TREATMENT_SHOW"), "Thing.account"),
    "leaking": ("restricted-to-partners", ("BOUNDARY_INTERNAL", "BOUNDARY_PARTNER"), "Thing.account"),
    "borderless": ("boundaries", ("BOUNDARY_INTERNAL", "BOUNDARY_UNSPECIFIED"), "UNSPECIFIED"),
    "verbless": ("verb-and-noun", ("rpc ListThings(", "rpc Things("), "not named verb + noun"),
    "empty": ("verb-and-noun", ("rpc ListThings(", "rpc ProcessThings("), "'Process'"),
    "repeating": ("mutation", (f"  string request_id = 4 {INTERNAL};", ""), "no request_id"),
    "numbered": ("mutation", ("string request_id", "int64 request_id"), "request_id of type int64"),
    "serious": ("mutation", (f"  bool validate_only = 5 {INTERNAL};", ""), "no validate_only"),
    "racing": ("etag", (f"  string etag = 3 {INTERNAL};", ""), "without an etag"),
    "maskless": (
        "update-mask",
        (f"  google.protobuf.FieldMask update_mask = 2 {INTERNAL};", ""),
        "no update_mask",
    ),
    "pageless": ("paging", (f"  int32 page_size = 1 {INTERNAL};", ""), "no page_size"),
    "tokenless": ("paging", (f"  string page_token = 2 {INTERNAL};", ""), "no page_token"),
    "ending": ("paging", (f"  string next_page_token = 2 {INTERNAL};", ""), "no next_page_token"),
    "silent": ("errors", (" Errors: ETAG_MISMATCH.", ""), "does not say `Errors:`"),
    "inventive": ("errors", ("ETAG_MISMATCH", "ETAG_MISSED"), "reason ETAG_MISSED"),
    "sharing": ("RPC_REQUEST_RESPONSE_UNIQUE", ("(ListThingsRequest)", "(UpdateThingRequest)"), "UpdateThingRequest"),
    "foreign": ("RPC_RESPONSE_STANDARD_NAME", ("returns (ListThingsResponse)", "returns (Thing)"), "Thing"),
    "mute": ("COMMENT_FIELD", ("  // What the thing is called in several languages.\n", ""), "titles"),
    "dumb": ("COMMENT_MESSAGE", ("// A thing.\n", ""), "Thing"),
    "wordless": ("COMMENT_RPC", ("  // Lists things. Errors: INVALID_PAGE_SIZE.\n", ""), "ListThings"),
    "quiet": ("COMMENT_SERVICE", ("// Keeps things.\n", ""), "ThingService"),
    "obscure": ("COMMENT_ENUM", ("  // What a thing may be.\n", ""), "State"),
    "unexplained": ("COMMENT_ENUM_VALUE", ("    // In use.\n", ""), "STATE_ACTIVE"),
    "zeroless": ("ENUM_ZERO_VALUE_SUFFIX", ("STATE_UNSPECIFIED", "STATE_NONE"), "STATE_NONE"),
    "long": ("file-length", ("// A thing.\n", "// A thing.\n" * 400), "at most 500"),
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    folder = tmp_path_factory.mktemp("planted")
    image = plant(folder, {"sound": None} | {package: edit for package, (_, edit, _) in PLANTS.items()})
    return check_contracts(image, folder / "protos")


def of(findings: list[Finding], package: str) -> list[Finding]:
    return [finding for finding in findings if finding.path == f"protos/concord/{package}/v1/thing.proto"]


def test_a_sound_contract_breaks_no_rule(findings: list[Finding]) -> None:
    assert of(findings, "sound") == []


@pytest.mark.parametrize("package", PLANTS)
def test_a_planted_fault_is_found(findings: list[Finding], package: str) -> None:
    rule, _, says = PLANTS[package]
    assert [finding for finding in of(findings, package) if finding.rule == rule and says in finding.message], of(
        findings, package
    )


def test_the_governance_contracts_are_sound_themselves(findings: list[Finding]) -> None:
    assert [finding for finding in findings if "/governance/" in finding.path] == []


def test_a_finding_points_at_the_line_of_the_declaration(findings: list[Finding]) -> None:
    (finding,) = [finding for finding in of(findings, "unclassified") if finding.rule == "classification"]
    lines = planted("unclassified", PLANTS["unclassified"][1]).splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "int32 page_size" in text)
    assert str(finding).startswith(f"protos/concord/unclassified/v1/thing.proto:{line}: ")


@pytest.mark.parametrize(
    ("rule", "edit", "says"),
    [
        (
            "reason-code",
            ("ERROR_REASON_UNKNOWN_FIELD = 3 [(reason).code = 3]", "ERROR_REASON_UNKNOWN_FIELD = 3"),
            "no status",
        ),
        (
            "reason-code",
            ("UNKNOWN_FIELD = 3 [(reason).code = 3]", "UNKNOWN_FIELD = 3 [(reason).code = 17]"),
            "no status",
        ),
        ("reason-example", ('{"reason": "UNKNOWN_FIELD"', '{"reason": "SOMETHING_ELSE"'), "something else"),
        ("reason-example", ('{"reason": "UNKNOWN_FIELD", ', "{reason, "), "not JSON"),
        ("reason-example", ("Example", "Sample"), "no example"),
    ],
)
def test_a_reason_without_code_or_example_is_found(tmp_path: Path, rule: str, edit: Edit, says: str) -> None:
    image = plant(tmp_path, {}, {"error_reason.proto": edit})
    found = check_contracts(image, tmp_path / "protos")
    assert [finding.rule for finding in found] == [rule]
    assert says in found[0].message


def test_the_comment_share_counts_lines_that_are_not_blank(tmp_path: Path) -> None:
    contract = tmp_path / "thin.proto"
    contract.write_text('// One.\n\nsyntax = "proto3";\nmessage A {}\nmessage B {}\n')
    assert comment_share(contract) == 0.25
    assert list(thinly_commented(tmp_path)) == [("thin.proto", 0.25)]
