"""Tiles and the frontier that fills them."""

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.domain.frontier import Frontier
from services.audit.domain.merkle import Node
from services.audit.domain.tile import WIDTH, Place, Tile, TileAddress, nodes_of, path, split, width_in
from tests.support.merkle.naive_tree import leaf_hashes, naive_root

LARGEST = 256 * 256 + 700
SIZES = st.integers(0, LARGEST)


@functools.cache
def tiles_of_the_largest() -> list[Tile]:
    return Frontier().append(leaf_hashes(LARGEST))


@pytest.mark.parametrize(
    ("address", "width", "expected"),
    [
        (TileAddress(0, 0), 256, "tile/0/000"),
        (TileAddress(0, 1234067), 256, "tile/0/x001/x234/067"),
        (TileAddress(1, 1000), 256, "tile/1/x001/000"),
        (TileAddress(2, 0), 17, "tile/2/000.p/17"),
    ],
)
def test_a_tile_lies_where_the_layout_says(address: TileAddress, width: int, expected: str) -> None:
    assert path(address, width) == expected


@pytest.mark.parametrize(
    ("tree_size", "widths"),
    [
        (70_000, {(0, 272): 256, (0, 273): 112, (0, 274): 0, (1, 0): 256, (1, 1): 17, (2, 0): 1, (3, 0): 0}),
        (256, {(0, 0): 256, (0, 1): 0, (1, 0): 1}),
        (0, {(0, 0): 0}),
    ],
)
def test_a_tree_has_the_tiles_of_the_specification(tree_size: int, widths: dict[tuple[int, int], int]) -> None:
    for (level, index), width in widths.items():
        assert width_in(tree_size, TileAddress(level, index)) == width


@pytest.mark.parametrize(("width", "count"), [(0, 0), (1, 1), (17, 32), (255, 502), (256, 511)])
def test_a_tile_gives_the_nodes_of_all_full_subtrees_in_it(width: int, count: int) -> None:
    address, hashes = TileAddress(1, 3), leaf_hashes(width)
    nodes = dict(nodes_of(address, hashes))
    assert len(nodes) == count
    for node, digest in nodes.items():
        below = 1 << (node.height - 8)
        start = node.number * below - 3 * WIDTH
        assert digest == naive_root(hashes[start : start + below])
        if below < WIDTH:
            assert digest == Place.of(node).hash_in(hashes)


def test_tiles_hold_the_hashes_of_their_level_and_come_before_those_above() -> None:
    hashes = leaf_hashes(LARGEST)
    tiles = tiles_of_the_largest()
    assert [tile.address for tile in tiles[255:258]] == [TileAddress(0, 255), TileAddress(1, 0), TileAddress(0, 256)]
    assert len(tiles) == 258 + 1
    for tile in tiles:
        below = WIDTH**tile.address.level
        start = tile.address.number * WIDTH * below
        assert tile.root == naive_root(hashes[start : start + WIDTH * below])
        if tile.address.level == 0:
            assert split(tile.hashes) == list(hashes[start : start + WIDTH])
    level_1 = next(tile for tile in tiles if tile.address.level == 1)
    assert split(level_1.hashes) == [tile.root for tile in tiles if tile.address.level == 0][:WIDTH]


@given(SIZES)
@settings(max_examples=5, deadline=None)
def test_tiles_and_what_is_left_over_give_the_root(size: int) -> None:
    hashes, tiles = leaf_hashes(LARGEST), {tile.address: tile for tile in tiles_of_the_largest()}
    roots = [tiles[TileAddress(0, index)].root for index in range(size // WIDTH)]
    above = [tiles[TileAddress(1, index)].root for index in range(size // WIDTH**2)]
    frontier = Frontier([hashes[size - size % WIDTH : size], roots[len(roots) - len(roots) % WIDTH :], above])
    assert frontier.root() == naive_root(hashes[:size])
    assert frontier.size == size


@given(st.lists(st.integers(0, 700), max_size=5))
@settings(deadline=None)
def test_it_does_not_matter_in_which_portions_leaves_come(portions: list[int]) -> None:
    hashes = leaf_hashes(sum(portions))
    at_once, by_portions = Frontier(), Frontier()
    tiles, start = [], 0
    for portion in portions:
        tiles += by_portions.append(hashes[start : start + portion])
        start += portion
    assert tiles == at_once.append(hashes)
    assert by_portions.root() == at_once.root()


@given(st.integers(0, 16), st.integers(0, LARGEST))
@settings(deadline=None)
def test_a_node_is_put_together_from_hashes_of_its_tile(height: int, at: int) -> None:
    hashes = leaf_hashes(LARGEST)
    node = Node(height, min(at, LARGEST - (1 << height)) >> height)
    place = Place.of(node)
    level, below = place.tile.level, 1 << (8 * place.tile.level)
    assert (level, place.tile.number) == (height // 8, (node.number << height) // (WIDTH * below))
    if level == 0:
        tile = hashes[place.tile.number * WIDTH :][:WIDTH]
        assert place.hash_in(tile) == naive_root(hashes[node.number << height : (node.number + 1) << height])


def test_a_tile_that_is_too_short_for_a_node_is_told() -> None:
    with pytest.raises(LookupError, match="3 hashes, 4 are needed"):
        Place.of(Node(2, 0)).hash_in(leaf_hashes(3))
