"""What neither schemas nor the API server see: that everything a manifest names is there, and fits."""

from collections.abc import Callable, Iterator

from tools.manifests.closure.containers import container_defects
from tools.manifests.closure.custom_resources import custom_resource_defects
from tools.manifests.closure.environment import environment_defects
from tools.manifests.closure.jobs import job_defects
from tools.manifests.closure.literal_secrets import literal_secret_defects
from tools.manifests.closure.network import network_defects
from tools.manifests.closure.probes import probe_defects
from tools.manifests.closure.references import reference_defects
from tools.manifests.closure.selectors import selector_defects
from tools.manifests.edges import Edges
from tools.manifests.manifests import Defect, Manifests

_CHECKS: tuple[Callable[[Manifests], Iterator[Defect]], ...] = (
    reference_defects,
    custom_resource_defects,
    selector_defects,
    container_defects,
    probe_defects,
    job_defects,
    literal_secret_defects,
    environment_defects,
)


def closure_defects(manifests: Manifests, edges: Edges | None) -> list[Defect]:
    """Return everything that is wrong; without `edges` the overlay has no network policies to compare."""
    found = {defect for check in _CHECKS for defect in check(manifests)}
    if edges is not None:
        found.update(network_defects(manifests, edges))
    return sorted(found)
