"""Nodes that are kept: each is read once, as long as there is room."""

from collections.abc import Mapping, Sequence

import pytest

from services.audit.domain.merkle import Node
from services.audit.storage.kept_nodes import KeptNodes

A, B, C, D = (Node(8, index) for index in range(4))


class Database:
    """Gives every node a hash of its own and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Node]] = []

    def read(self, nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        self.asked.append(nodes)
        return {node: bytes([node.number]) * 32 for node in nodes}


def test_a_node_is_read_once() -> None:
    kept, database = KeptNodes(), Database()
    first = kept.read([A, B], database.read)
    assert kept.read([B, A], database.read) == first == {A: bytes(32), B: b"\x01" * 32}
    assert database.asked == [[A, B]]


def test_only_what_is_missing_is_read() -> None:
    kept, database = KeptNodes(), Database()
    kept.read([A], database.read)
    assert set(kept.read([A, B, C], database.read)) == {A, B, C}
    assert database.asked == [[A], [B, C]]


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    kept, database = KeptNodes(most=3), Database()
    for nodes in ([A, B, C], [A], [D], [A, C, D], [B]):
        kept.read(nodes, database.read)
    assert database.asked == [[A, B, C], [D], [B]]


def test_an_answer_is_whole_even_where_it_is_larger_than_what_is_kept() -> None:
    assert set(KeptNodes(most=1).read([A, B, C], Database().read)) == {A, B, C}


def test_what_can_not_be_read_is_not_kept() -> None:
    kept, database = KeptNodes(), Database()

    def failing(_nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        raise LookupError

    with pytest.raises(LookupError):
        kept.read([A], failing)
    kept.read([A], database.read)
    assert database.asked == [[A]]
