"""An overlay's settings: the one file that says what a cluster has to be told."""

from tools.manifests.edges import DEPLOY


def read_settings(overlay: str) -> dict[str, str]:
    """Return the settings.env of an overlay."""
    lines = (DEPLOY / "overlays" / overlay / "settings.env").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
