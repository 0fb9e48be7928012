"""A population is grouped part by part as it is grouped in one piece."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1.system_pb2 import System
from services.mdm.domain.matching.grouping.clustering import Edge, Pair, pair_of
from services.mdm.domain.matching.grouping.connected import connected, connected_in_bulk
from services.mdm.domain.matching.learning.defaults import LINK, REVIEW, default_model
from services.mdm.domain.matching.standardising.profile import Profile
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.matching.component import Component
from services.mdm.storage.matching.matcher import rivalling
from services.mdm.storage.matching.voices import Voice
from services.mdm.storage.registration.registry import Landscape

MODEL = default_model(SUPPLIER)
NAMES = tuple("abcdefgh")
LANDSCAPE = Landscape(systems={"erp": System(free_of_duplicates=True), "legacy": System()})

pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
some_pairs = st.sets(pairs.map(lambda pair: pair_of(*pair)), max_size=3)
scores = st.sampled_from([REVIEW, REVIEW + 1, LINK, LINK + 10, LINK + 5000])


@st.composite
def components(draw: st.DrawFn) -> Component:
    voices = {}
    for name in NAMES:
        values = draw(st.sets(st.sampled_from([("duns", "1"), ("duns", "2"), ("lei", "1"), ("lei", "2")]), max_size=2))
        profile = Profile("supplier", MODEL.matching.version, tuple(sorted(values)), ())
        system, golden = draw(st.sampled_from(["erp", "legacy"])), draw(st.sampled_from(["", "g1", "g2", "g3"]))
        voices[name] = Voice(name, system, name, golden, golden or name, draw(st.booleans()), profile)
    edges: dict[Pair, int] = draw(st.dictionaries(pairs.map(lambda pair: pair_of(*pair)), scores, max_size=8))
    found = {Edge(*pair, millibits) for pair, millibits in edges.items()}
    return Component(voices, found, draw(some_pairs), draw(some_pairs))


@given(components())
def test_the_parts_of_a_population_are_grouped_as_the_whole_is(whole: Component) -> None:
    expected = whole.partition(LANDSCAPE, MODEL)
    found = [part.partition(LANDSCAPE, MODEL) for part in whole.parts()]
    assert sorted(group for each in found for group in each.groups) == sorted(expected.groups)
    assert {join for each in found for join in each.joins} == set(expected.joins)
    assert {review for each in found for review in each.reviews} == set(expected.reviews)


@given(components())
def test_pairs_that_can_neither_link_nor_rival_a_link_change_no_group(whole: Component) -> None:
    expected = whole.partition(LANDSCAPE, MODEL)
    found = [part.partition(LANDSCAPE, MODEL) for part in whole.parts(rivalling(MODEL))]
    assert sorted(group for each in found for group in each.groups) == sorted(expected.groups)
    assert {join for each in found for join in each.joins} == set(expected.joins)


@given(st.sets(pairs))
def test_who_is_linked_is_in_one_part_and_who_is_not_in_another(links: set[Pair]) -> None:
    parts = connected(NAMES, links)
    assert sorted(name for part in parts for name in part) == list(NAMES)
    place = {name: part for part in parts for name in part}
    assert all(place[one] == place[other] for one, other in links)
    for part in parts:
        reached = {part[0]}
        while more := {name for pair in links if reached & {*pair} for name in pair} - reached:
            reached |= more
        assert reached == set(part)


@given(st.sets(pairs))
def test_who_hangs_together_is_told_in_bulk_as_name_by_name(links: set[Pair]) -> None:
    ones, others = (np.asarray([NAMES.index(pair[end]) for pair in links], dtype=np.int64) for end in (0, 1))
    found = connected_in_bulk(len(NAMES), ones, others).tolist()
    assert found == [NAMES.index(part[0]) for name in NAMES for part in connected(NAMES, links) if name in part]
