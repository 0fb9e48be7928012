"""The mesh's edges: who may call whom, as deploy/k8s/edges.yaml has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "k8s"
EDGES = DEPLOY / "edges.yaml"

_EDGE_KEYS = {"from", "to", "ports", "why"}


class EdgesError(Exception):
    """The edges file can't be used; the message says why."""


@dataclass(frozen=True, order=True)
class Port:
    """A port and its protocol, written `8443/TCP`."""

    number: int
    protocol: str

    @classmethod
    def parse(cls, text: str) -> "Port":
        """Read `8443/TCP`. Raises EdgesError."""
        number, slash, protocol = text.partition("/")
        if not slash or not number.isdecimal() or protocol not in ("TCP", "UDP"):
            raise EdgesError(f"not a port: {text!r}")
        return cls(int(number), protocol)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True)
class Edge:
    """One allowed direction: `caller` may reach `callee` on `ports`, and why."""

    caller: str
    callee: str
    ports: tuple[Port, ...]
    why: str


@dataclass(frozen=True)
class Edges:
    """The file: labels by workload, selectors by peer, and the edges between them."""

    workloads: Mapping[str, Mapping[str, str]]
    peers: Mapping[str, Mapping[str, Any]]
    edges: tuple[Edge, ...]


def read_edges(path: Path = EDGES) -> Edges:
    """Read and check the file. Raises EdgesError for an edge that is doubled, misshapen or ends nowhere."""
    content = yaml.safe_load(path.read_text())
    workloads, peers = content["workloads"], content["peers"]
    edges = tuple(_edge(entry) for entry in content["edges"])
    pairs = [(edge.caller, edge.callee) for edge in edges]
    if doubled := {pair for pair in pairs if pairs.count(pair) > 1}:
        raise EdgesError(f"edges that come more than once: {sorted(doubled)}")
    if unknown := {end for pair in pairs for end in pair} - workloads.keys() - peers.keys():
        raise EdgesError(f"edges with ends that are described nowhere: {sorted(unknown)}")
    return Edges(workloads, peers, edges)


def _edge(entry: Mapping[str, Any]) -> Edge:
    if set(entry) != _EDGE_KEYS:
        raise EdgesError(f"an edge has {sorted(_EDGE_KEYS)}, not {sorted(entry)}")
    return Edge(entry["from"], entry["to"], tuple(Port.parse(port) for port in entry["ports"]), entry["why"])
