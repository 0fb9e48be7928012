"""The network policies and the mesh's edges are the same, rule by rule."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from tools.manifests.closure.reach import DIRECTIONS, matrix_defects
from tools.manifests.edges import Edges, Port
from tools.manifests.manifests import Defect, Manifests, Object, Pod, element, matches
from tools.manifests.operators import made_pods
from tools.manifests.policies import NETWORK_LABEL
from tools.manifests.settings_file import read_settings

Rule = tuple[str, str, str, Port]
"""Direction, whose pods, the other end, and a port."""


def network_defects(manifests: Manifests, edges: Edges) -> Iterator[Defect]:
    """Find edges without exactly one allow at each end of ours, allows without an edge, and pods without either."""
    yield from _deny_all(manifests)
    ends: dict[str, list[Pod]] = {}
    for pod in (*manifests.pods, *made_pods(manifests)):
        names = [name for name, labels in edges.workloads.items() if labels and matches(labels, pod.labels)]
        if len(names) != 1:
            yield Defect(pod.owner, "edge-end", f"is {' and '.join(names) or 'no workload'} in the edges file")
        ends.setdefault(names[0] if names else pod.owner, []).append(pod)
    for name in sorted(edges.workloads.keys() - ends.keys() - {"any"}):
        yield Defect(f"edges.yaml/{name}", "edge-end", "no pods have its labels")
    settings = read_settings(manifests.overlay)
    networks = {name: settings.get(peer["network"], "") for name, peer in edges.peers.items() if "network" in peer}
    if unsaid := sorted(name for name, network in networks.items() if not network):
        yield Defect("settings.env", "network", f"does not say the networks of {', '.join(unsaid)}")
        return
    yield from _one_rule_each(manifests, edges, networks)
    yield from matrix_defects(manifests, edges, ends, networks)


def _deny_all(manifests: Manifests) -> Iterator[Defect]:
    closed = [policy for policy in manifests.of("NetworkPolicy") if _closes_all(policy["spec"])]
    if len(closed) != 1:
        yield Defect("NetworkPolicy/deny-all", "deny-all", f"{len(closed)} policies close every pod, not one")


def _closes_all(spec: Object) -> bool:
    is_open = spec.get("ingress") or spec.get("egress")
    return spec["podSelector"] == {} and set(spec.get("policyTypes", [])) == set(DIRECTIONS) and not is_open


def _one_rule_each(manifests: Manifests, edges: Edges, networks: Mapping[str, str]) -> Iterator[Defect]:
    wanted = set(_wanted(edges))
    found: Counter[Rule] = Counter()
    for policy in manifests.of("NetworkPolicy"):
        for rule in _rules(policy, edges, networks):
            found[rule] += 1
            if rule not in wanted:
                yield Defect(element(policy), "rule-without-edge", f"allows {_told(rule)}, which is no edge")
    for rule in wanted:
        if found[rule] != 1:
            yield Defect("edges.yaml", "edge-without-rule", f"{found[rule]} rules, not one, allow {_told(rule)}")


def _wanted(edges: Edges) -> Iterator[Rule]:
    """Yield what the edges ask for: a rule at each end that is a workload."""
    for edge, port in ((each, port) for each in edges.edges for port in each.ports):
        if edge.caller in edges.workloads:
            yield "Egress", edge.caller, edge.callee, port
        if edge.callee in edges.workloads:
            yield "Ingress", edge.callee, edge.caller, port


def _rules(policy: Object, edges: Edges, networks: Mapping[str, str]) -> Iterator[Rule]:
    at = _workload(edges, policy["spec"]["podSelector"])
    for direction, side in DIRECTIONS.items():
        for rule in policy["spec"].get(direction.lower()) or []:
            others = [_other(policy, edges, networks, peer) for peer in rule.get(side) or [{}]]
            for other, port in itertools.product(others, _ports(rule)):
                yield direction, at, other, port


def _ports(rule: Object) -> list[Port]:
    ports = [Port(entry.get("port", 0), entry.get("protocol", "TCP")) for entry in rule.get("ports") or []]
    return ports or [Port(0, "every")]


def _workload(edges: Edges, selector: Object) -> str:
    """Name the workload that a pod selector is for; what the edges file does not know is told as it is."""
    labels = selector.get("matchLabels", {})
    named = (name for name, known in edges.workloads.items() if known == labels and set(selector) <= {"matchLabels"})
    return next(named, str(selector))


def _other(policy: Object, edges: Edges, networks: Mapping[str, str], peer: Object) -> str:
    """Name the other end of a rule."""
    if set(peer) == {"podSelector"}:
        return _workload(edges, peer["podSelector"])
    network = policy["metadata"].get("labels", {}).get(NETWORK_LABEL)
    if network in networks and peer == {"ipBlock": {"cidr": networks[network]}}:
        return str(network)
    named = (name for name, known in edges.peers.items() if "namespace" in known and peer == _selectors(known))
    return next(named, str(peer))


def _selectors(known: Mapping[str, Mapping[str, str]]) -> Object:
    selectors = {"namespaceSelector": known["namespace"], "podSelector": known.get("pods")}
    return {kind: {"matchLabels": labels} for kind, labels in selectors.items() if labels is not None}


def _told(rule: Rule) -> str:
    direction, at, other, port = rule
    caller, callee = (at, other) if direction == "Egress" else (other, at)
    return f"{caller} to {callee} on {port} ({direction.lower()})"
