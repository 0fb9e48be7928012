"""Nodes of the log's tree: put together from tiles that are known, read where they are not."""

from collections.abc import Collection

from services.audit.domain.merkle import Node, inclusion_proof, is_included
from services.audit.domain.tile import TileAddress
from services.audit.storage.nodes import Tiles, read_nodes
from tests.support.merkle.naive_tree import naive_root

HASHES = [number.to_bytes(32, "big") for number in range(300)]
TILES = {TileAddress(0, 0): HASHES[:256], TileAddress(0, 1): HASHES[256:]}


class Reading:
    """Gives tiles, and keeps which were asked for."""

    def __init__(self) -> None:
        self.asked: list[TileAddress] = []

    def __call__(self, addresses: Collection[TileAddress]) -> Tiles:
        self.asked += addresses
        return {address: TILES[address] for address in addresses}


def test_only_tiles_that_are_not_known_are_read() -> None:
    known, read = {TileAddress(0, 0): HASHES[:256]}, Reading()
    proof = inclusion_proof(42, 300, lambda nodes: read_nodes(nodes, known, read))
    assert is_included(HASHES[42], 42, 300, proof, naive_root(HASHES))
    assert read.asked == [TileAddress(0, 1)]


def test_nothing_is_read_for_nodes_of_known_tiles() -> None:
    read = Reading()
    assert read_nodes([Node(1, 0)], TILES, read) == {Node(1, 0): naive_root(HASHES[:2])}
    assert not read.asked
