"""What deploy/k8s renders to."""

import shutil
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from services.development.bootstrap import Bootstrap
from services.development.secrets_api import SecretsApi
from tools.manifests.closure import closure_defects
from tools.manifests.closure.containers import without_digest
from tools.manifests.closure.references import secret_keys
from tools.manifests.edges import DEPLOY, Edges
from tools.manifests.manifests import Manifests
from tools.manifests.policies import POLICIES, rendered
from tools.manifests.rendering import OVERLAYS, parse, render
from tools.manifests.settings_file import read_settings


def test_everything_that_an_overlay_names_is_there(overlays: dict[str, Manifests], edges: Edges) -> None:
    for manifests in overlays.values():
        assert closure_defects(manifests, edges if manifests.of("NetworkPolicy") else None) == []


def test_the_policies_that_are_committed_are_those_of_the_edges(edges: Edges) -> None:
    assert POLICIES.read_text() == rendered(edges)


def test_every_setting_reaches_what_is_rendered(overlays: dict[str, Manifests]) -> None:
    for overlay, manifests in overlays.items():
        text = str(manifests.objects)
        assert [name for name, value in read_settings(overlay).items() if value not in text] == []


def test_images_of_others_without_a_digest_are_named_and_one_with_it_is_not(
    overlays: dict[str, Manifests], tmp_path: Path
) -> None:
    floating = without_digest(overlays["production"])
    assert [image.rpartition("/")[2] for image in floating] == [
        "opentelemetry-collector-contrib:0.149.0",
        "postgresql:17.5",
    ]
    copied = tmp_path / "k8s"
    shutil.copytree(DEPLOY, copied)
    settings = copied / "overlays" / "production" / "settings.env"
    settings.write_text(settings.read_text().replace("postgresql:17.5", f"postgresql:17.5@sha256:{'ab' * 32}"))

    pinned = parse("production", render("production", copied))

    assert without_digest(pinned) == floating[:1]
    assert not [defect for defect in closure_defects(pinned, None) if defect.rule == "image"]


def test_settings_themselves_are_not_applied(overlays: dict[str, Manifests]) -> None:
    assert [overlay for overlay, each in overlays.items() if each.find("ConfigMap", "settings")] == []


def test_production_has_no_witness_and_no_issuer_of_its_own(overlays: dict[str, Manifests]) -> None:
    names = {pod.name for pod in overlays["production"].pods}
    assert names == {"mdm", "erp-adapter", "saas-adapter", "audit", "migration", "collector"}


def test_the_listed_secrets_are_those_that_the_bootstrap_creates(overlays: dict[str, Manifests]) -> None:
    client = httpx.Client(transport=httpx.MockTransport(_answer), base_url="https://api")
    rows = Bootstrap(SecretsApi(client, "concord"), log_origin="x/log", witness_name="w").run()
    created = {row.name: frozenset(row.keys) for row in rows}
    assert secret_keys(overlays["local"]) == created


def test_the_bootstrap_may_read_the_listed_secrets_and_no_others(overlays: dict[str, Manifests]) -> None:
    (role,) = overlays["local"].of("Role")
    readable = [name for rule in role["rules"] if "get" in rule["verbs"] for name in rule["resourceNames"]]
    assert set(readable) == set(secret_keys(overlays["local"]))
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "create"}


def test_no_workload_of_the_local_overlay_waits_for_storage(overlays: dict[str, Manifests]) -> None:
    assert overlays["local"].of("PersistentVolumeClaim") == []
    assert not any("volumeClaimTemplates" in each["spec"] for each in overlays["local"].of("StatefulSet"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_says_its_namespace_in_one_place(overlay: str, tmp_path: Path) -> None:
    copied = tmp_path / "k8s"
    shutil.copytree(DEPLOY, copied)
    kustomization = copied / "overlays" / overlay / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("namespace: concord", "namespace: elsewhere"))

    manifests = parse(overlay, render(overlay, copied))

    assert closure_defects(manifests, None) == []
    assert manifests.find("Namespace", "elsewhere")


def _answer(request: httpx.Request) -> httpx.Response:
    """Answer as an API server whose namespace holds no Secret yet."""
    return httpx.Response(HTTPStatus.NOT_FOUND if request.method == "GET" else HTTPStatus.CREATED, json={})
