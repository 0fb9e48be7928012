"""What the checks by others' tools make of what these say."""

from pathlib import Path

import pytest

from tools.manifests.checkov import Waiver, read_waivers, unwaived
from tools.manifests.edges import EdgesError, Port, read_edges
from tools.manifests.manifests import Defect
from tools.manifests.schemas import judge

_FINDING = Defect("Job/bootstrap-0.1.0", "CKV_K8S_38", "a token")


def test_a_resource_that_no_release_knows_is_a_defect_and_a_custom_one_is_listed() -> None:
    lines = [
        "INFO x passed for resource deployment/mdm against version 1.36",
        "WARN x Couldn't find schema for kind Event with api version events.k8s.io/v1beta1 for kubernetes version 1.36",
        "WARN x Couldn't find schema for kind Issuer with api version cert-manager.io/v1 for kubernetes version 1.36",
        "ERROR x did not validate",
    ]
    judged = judge(lines, "1.36", "production")
    assert [defect.message for defect in judged.defects] == [lines[1], lines[3]]
    assert judged.without_schema == {"Issuer (cert-manager.io/v1)"}


def test_a_waiver_is_for_its_elements_and_its_overlay() -> None:
    waiver = Waiver("CKV_K8S_38", ("Job/bootstrap-*",), "local", "it creates Secrets")
    assert list(unwaived({"local": [_FINDING]}, [waiver])) == []
    assert _FINDING in unwaived({"production": [_FINDING]}, [waiver])
    assert Defect("Job/other", "CKV_K8S_38", "") in unwaived(
        {"local": [Defect("Job/other", "CKV_K8S_38", "")]}, [waiver]
    )


def test_a_waiver_of_nothing_is_a_defect() -> None:
    (defect,) = unwaived({"local": []}, [Waiver("CKV_K8S_38", ("*",), None, "none")])
    assert defect.rule == "CKV_K8S_38"


def test_every_waiver_gives_a_reason() -> None:
    assert all(waiver.reason for waiver in read_waivers())


@pytest.mark.parametrize(
    ("edge", "told"),
    [
        ("{from: a, to: b, ports: [1/TCP], why: x}", "described nowhere"),
        ("{from: a, to: a, ports: [1/SCTP], why: x}", "not a port"),
        ("{from: a, to: a, ports: [1/TCP]}", "an edge has"),
        ("{from: a, to: a, ports: [1/TCP], why: x}\n  - {from: a, to: a, ports: [2/TCP], why: y}", "more than once"),
    ],
)
def test_an_edge_that_can_not_be_is_refused(edge: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "edges.yaml"
    file.write_text(f"workloads: {{a: {{app: a}}}}\npeers: {{}}\nedges:\n  - {edge}\n")
    with pytest.raises(EdgesError, match=told):
        read_edges(file)


def test_a_port_is_written_as_it_is_read() -> None:
    assert str(Port.parse("53/UDP")) == "53/UDP"
