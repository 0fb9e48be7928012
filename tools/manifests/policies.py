"""Write the network policies of the mesh's edges: `python -m tools.manifests.policies`.

A policy has one rule and one edge: `egress-mdm-audit` lets the hub out, `ingress-mdm-audit` lets it in at the audit.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from tools.manifests.edges import DEPLOY, Edge, Edges, read_edges

POLICIES = DEPLOY / "components" / "network-policies" / "policies.yaml"
NETWORK_LABEL = "concord/network"
"""Says which peer a policy's network is; by it an overlay fills in the address that its settings have."""

_UNSET = "192.0.2.0/32"  # nobody's (RFC 5737)

_HEAD = "# Written by `python -m tools.manifests.policies` from deploy/k8s/edges.yaml: change that.\n"


def policies(edges: Edges) -> Iterator[dict[str, Any]]:
    """Yield the policies that allow the edges: one at each end that is a workload."""
    for edge in edges.edges:
        if edge.caller in edges.workloads:
            yield _policy(edges, edge, "Egress", at=edge.caller, other=edge.callee)
        if edge.callee in edges.workloads:
            yield _policy(edges, edge, "Ingress", at=edge.callee, other=edge.caller)


def rendered(edges: Edges) -> str:
    """Return the content of policies.yaml."""
    return _HEAD + yaml.safe_dump_all(policies(edges), sort_keys=False, width=120)


def _policy(edges: Edges, edge: Edge, direction: str, *, at: str, other: str) -> dict[str, Any]:
    rule = {
        {"Egress": "to", "Ingress": "from"}[direction]: [_peer(edges, other)],
        "ports": [{"port": port.number, "protocol": port.protocol} for port in edge.ports],
    }
    metadata: dict[str, Any] = {"name": f"{direction.lower()}-{edge.caller}-{edge.callee}"}
    if "network" in edges.peers.get(other, {}):
        metadata["labels"] = {NETWORK_LABEL: other}
    metadata["annotations"] = {"concord/why": edge.why}
    spec = {"podSelector": _selector(edges.workloads[at]), "policyTypes": [direction], direction.lower(): [rule]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _peer(edges: Edges, name: str) -> dict[str, Any]:
    if name in edges.workloads:
        return {"podSelector": _selector(edges.workloads[name])}
    peer = edges.peers[name]
    if "network" in peer:
        return {"ipBlock": {"cidr": _UNSET}}
    selectors = {"namespaceSelector": peer["namespace"], "podSelector": peer.get("pods")}
    return {kind: _selector(labels) for kind, labels in selectors.items() if labels is not None}


def _selector(labels: Any) -> dict[str, Any]:
    return {"matchLabels": dict(labels)} if labels else {}


def main() -> None:
    """Write the file."""
    POLICIES.write_text(rendered(read_edges()))
    print(f"wrote {POLICIES.relative_to(DEPLOY.parents[1])}")


if __name__ == "__main__":
    main()
