"""The generated suppliers: the same for the same seed, and said twice as people say things."""

from collections import Counter

from tools.population.suppliers import suppliers


def test_a_seed_gives_one_population_and_another_seed_another() -> None:
    one = list(suppliers(300, 1))
    assert one == list(suppliers(300, 1))
    assert one != list(suppliers(300, 2))
    assert len(one) == 300


def test_some_suppliers_are_said_more_than_once_and_not_alike() -> None:
    records = list(suppliers(2_000, 1))
    times = Counter(record.thing for record in records)
    assert 0.1 < sum(count > 1 for count in times.values()) / len(times) < 0.25
    first = {record.thing: record for record in reversed(records)}
    copies = [record for record in records if record.key != first[record.thing].key]
    assert any(record.name != first[record.thing].name for record in copies)
    assert any(record.phone != first[record.thing].phone for record in copies)
    assert len({record.key for record in records}) == len(records)
