"""Who can call whom: what the network policies let through, as a cluster's network would decide it."""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.manifests.edges import Edges, Port
from tools.manifests.manifests import Defect, Manifests, Object, Pod, matches

DIRECTIONS = {"Ingress": "from", "Egress": "to"}

_ODD_PORT = Port(9, "TCP")  # one that nobody asks for


@dataclass(frozen=True)
class End:
    """One end of a call: pods of the mesh, pods elsewhere (with their namespace's labels), or an address."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: Mapping[str, str] | None = None
    network: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is in the mesh's namespace, so that our policies hold for it."""
        return self.namespace is None and self.network is None


def matrix_defects(
    manifests: Manifests, edges: Edges, pods: Mapping[str, Sequence[Pod]], networks: Mapping[str, str]
) -> Iterator[Defect]:
    """Find calls that the policies let through without an edge, and edges that they do not let through."""
    ends = [*_ours(pods), *_others(edges, networks)]
    ports = sorted({port for edge in edges.edges for port in edge.ports} | _declared(pods) | {_ODD_PORT})
    reach = Reach(manifests)
    wanted = set(_wanted(edges, pods, networks))
    for caller, callee in ((a, b) for a in ends for b in ends if a.is_ours or b.is_ours):
        for port, is_open in zip(ports, reach.opens(caller, callee, ports), strict=True):
            if is_open != ((caller.name, callee.name, port) in wanted):
                told = "is no edge, and is let through" if is_open else "is an edge, and is not let through"
                yield Defect(f"{caller.name} to {callee.name}", "reach", f"a call on {port} {told}")


class Reach:
    """The policies of one namespace. Raises ValueError for a selector by expressions, which we do not use."""

    def __init__(self, manifests: Manifests) -> None:
        self._policies = [policy["spec"] for policy in manifests.of("NetworkPolicy")]
        self._rules: dict[tuple[str, frozenset[tuple[str, str]]], list[Object] | None] = {}

    def opens(self, caller: End, callee: End, ports: Sequence[Port]) -> list[bool]:
        """Tell of each port whether a call gets out at one end and in at the other."""
        ways = self._between("Egress", caller, callee), self._between("Ingress", callee, caller)
        return [all(rules is None or any(_is_for(rule, port) for rule in rules) for rules in ways) for port in ports]

    def _between(self, direction: str, at: End, other: End) -> list[Object] | None:
        """Return the rules at one end that meet the other; None where no policy isolates it."""
        rules = self._rules_of(direction, at.labels) if at.is_ours else None
        if rules is None:
            return None
        peers = [(rule, rule.get(DIRECTIONS[direction])) for rule in rules]
        return [rule for rule, met in peers if not met or any(_meets(peer, other) for peer in met)]

    def _rules_of(self, direction: str, labels: Mapping[str, str]) -> list[Object] | None:
        """Return the rules for pods; None where no policy isolates them."""
        key = (direction, frozenset(labels.items()))
        if key not in self._rules:
            policies = [spec for spec in self._policies if direction in spec.get("policyTypes", [])]
            held = [spec for spec in policies if _selects(spec["podSelector"], labels)]
            rules = [rule for spec in held for rule in spec.get(direction.lower()) or []]
            self._rules[key] = rules if held else None
        return self._rules[key]


def _is_for(rule: Object, port: Port) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        entry.get("protocol", "TCP") == port.protocol and entry.get("port", port.number) == port.number
        for entry in ports
    )


def _meets(peer: Object, other: End) -> bool:
    if "ipBlock" in peer:
        block = ipaddress.IPv4Network(peer["ipBlock"]["cidr"])
        # An address is met by a block around it; pods only by a block around everything.
        if other.network is None:
            return block.prefixlen == 0
        return ipaddress.IPv4Network(other.network).subnet_of(block)
    if other.network is not None or not _selects(peer.get("podSelector", {}), other.labels):
        return False
    if "namespaceSelector" not in peer:
        return other.is_ours
    return other.namespace is not None and _selects(peer["namespaceSelector"], other.namespace)


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    if "matchExpressions" in selector:
        raise ValueError("a policy selects by expressions: select by labels")
    return matches(selector.get("matchLabels", {}), labels)


def _ours(pods: Mapping[str, Sequence[Pod]]) -> Iterator[End]:
    """Yield an end for each set of labels: the pods of a service's scheduled runs are alike to a network."""
    for name, each in pods.items():
        for labels in {frozenset(pod.labels.items()) for pod in each}:
            yield End(name, dict(labels))


def _others(edges: Edges, networks: Mapping[str, str]) -> Iterator[End]:
    for name, peer in edges.peers.items():
        if name in networks:
            yield End(name, network=networks[name])
        else:
            yield End(name, labels=peer.get("pods", {}), namespace=peer["namespace"])
    yield End("a pod elsewhere", namespace={"kubernetes.io/metadata.name": "elsewhere"})
    yield End("an address elsewhere", network="192.0.2.77/32")


def _declared(pods: Mapping[str, Sequence[Pod]]) -> set[Port]:
    declared: set[Port] = set()
    for pod in (pod for each in pods.values() for pod in each):
        for container in pod.containers:
            declared |= {Port(port["containerPort"], port.get("protocol", "TCP")) for port in container.ports}
    return declared


def _wanted(
    edges: Edges, pods: Mapping[str, Sequence[Pod]], networks: Mapping[str, str]
) -> Iterator[tuple[str, str, Port]]:
    """Yield every edge's calls: for each workload where it says `any`, for each network within its own."""
    for edge in edges.edges:
        ends = (list(pods) if name == "any" else _within(name, networks) for name in (edge.caller, edge.callee))
        for caller, callee in itertools.product(*ends):
            for port in edge.ports:
                yield caller, callee, port


def _within(name: str, networks: Mapping[str, str]) -> list[str]:
    """Return whom an end stands for: itself, and peers whose networks lie within its own (servers among nodes)."""
    if name not in networks:
        return [name]
    outer = ipaddress.IPv4Network(networks[name])
    return [each for each, network in networks.items() if ipaddress.IPv4Network(network).subnet_of(outer)]
