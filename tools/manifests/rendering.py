"""Render overlays, by the kustomize in kubectl."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools.manifests.edges import DEPLOY
from tools.manifests.manifests import Manifests

OVERLAYS = tuple(sorted(path.parent.name for path in DEPLOY.glob("overlays/*/kustomization.yaml")))


class RenderingError(Exception):
    """An overlay does not render, or kubectl is missing; the message says why."""


def render(overlay: str, deploy: Path = DEPLOY) -> str:
    """Return what an overlay of deploy/k8s, or of a copy of it, renders to, as YAML. Raises RenderingError."""
    command = [_kubectl(), "kustomize", str(deploy / "overlays" / overlay)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RenderingError(f"{overlay} does not render: {result.stderr.strip()}")
    return result.stdout


def parse(overlay: str, text: str) -> Manifests:
    """Return the objects that an overlay was rendered to."""
    return Manifests(overlay, [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each])


def _kubectl() -> str:
    """Find kubectl: the development requirements' own before one on PATH, so that everybody renders alike."""
    ours = Path(sys.executable).with_name("kubectl")
    found = str(ours) if ours.exists() else shutil.which("kubectl")
    if found is None:
        raise RenderingError("there is no kubectl, neither in the environment nor on PATH")
    return found
