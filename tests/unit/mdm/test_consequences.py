"""What regrouping does to golden records."""

from hypothesis import given
from hypothesis import strategies as st

from services.mdm.domain.matching.grouping.consequences import merges, regrouped, splits

Partition = dict[str, int]
_SOURCES = tuple(f"s{number}" for number in range(8))
_partitions = st.fixed_dictionaries({source: st.integers(0, 4) for source in _SOURCES})


def _groups(partition: Partition) -> list[tuple[str, ...]]:
    numbers = sorted(set(partition.values()))
    return [tuple(source for source in _SOURCES if partition[source] == number) for number in numbers]


def _goldens(partition: Partition) -> dict[str, str]:
    return {source: f"g{number}" for source, number in partition.items()}


@given(_partitions)
def test_the_same_groups_change_nothing(partition: Partition) -> None:
    before, groups = _goldens(partition), _groups(partition)
    assert (merges(before, groups), splits(before, groups), regrouped(before, groups)) == ([], [], [])


@given(_partitions, _partitions)
def test_what_is_merged_and_what_is_split_explains_every_difference(before: Partition, after: Partition) -> None:
    goldens, groups = _goldens(before), _groups(after)
    touched = {source for merge in merges(goldens, groups) for source in merge.sources}
    touched |= {source for split in splits(goldens, groups) for part in split.parts for source in part}
    assert {source for group in regrouped(goldens, groups) for source in group} <= touched
    assert all(len({goldens[source] for source in merge.sources}) > 1 for merge in merges(goldens, groups))
    assert all(len({after[part[0]] for part in split.parts}) == len(split.parts) for split in splits(goldens, groups))


@given(_partitions, _partitions)
def test_what_would_merge_one_way_would_split_the_other(before: Partition, after: Partition) -> None:
    forth = merges(_goldens(before), _groups(after))
    back = splits(_goldens(after), _groups(before))
    assert {merge.sources for merge in forth} == {
        tuple(sorted(source for part in split.parts for source in part)) for split in back
    }
