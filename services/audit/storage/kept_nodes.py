"""Nodes of the log's tree that were read before: they are of full subtrees, so none of them ever changes."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from services.audit.domain.merkle import Node, ReadNodes

MOST = 65_536
"""Some 15 MB."""


class KeptNodes:
    """Keeps the hashes of the nodes that were asked for or read with them last; safe in threads.

    They are of one history: a log that was taken back to an earlier state wants a new one (ADR 18).

    Every proof asks for the same few nodes at the tree's right edge, which the database puts together from hundreds of
    hashes, and for others near its root.
    """

    def __init__(self, most: int = MOST) -> None:
        """Take how many to keep."""
        self._most = most
        self._hashes: OrderedDict[Node, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, nodes: Sequence[Node], read: ReadNodes) -> Mapping[Node, bytes]:
        """Return the hash of each node, by `read` of those that are not kept; raises what it raises."""
        found = self._found(nodes)
        missing = [node for node in nodes if node not in found]
        if not missing:
            return found
        read_now = read(missing)
        self._keep(read_now)
        return {**found, **read_now}

    def _found(self, nodes: Sequence[Node]) -> dict[Node, bytes]:
        with self._lock:
            found = {node: self._hashes[node] for node in nodes if node in self._hashes}
            for node in found:
                self._hashes.move_to_end(node)
        return found

    def _keep(self, hashes: Mapping[Node, bytes]) -> None:
        with self._lock:
            self._hashes.update(hashes)
            while len(self._hashes) > self._most:
                self._hashes.popitem(last=False)
