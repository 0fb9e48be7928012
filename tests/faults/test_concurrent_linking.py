"""Eight writers link overlapping records for a minute, or for CONCORD_FAULTS_SECONDS."""

import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.database.databases import Databases
from tests.support.hub.modelling import put_in_force
from tests.support.hub.stored import TestHub, test_hub
from tests.support.matching.matched_suppliers import (
    NAMES,
    PHONES,
    check_consistent,
    groups,
    mark,
    said,
    submitted,
    waiting,
)
from tools.postgres import PostgresServer

SECONDS = float(os.environ.get("CONCORD_FAULTS_SECONDS", "60"))
WRITERS = 8
FAMILIES = 12
MEMBERS = 8

Said = dict[tuple[str, int], supplier_pb2.Supplier]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Databases on a server of this module."""
    with PostgresServer.start(tmp_path_factory.mktemp("postgresql")) as server:
        yield Databases(server)


def modelled(databases: Databases) -> Iterator[TestHub]:
    """Give a hub with a match model in force."""
    with test_hub(databases) as opened:
        put_in_force(opened, SUPPLIER, default_model(SUPPLIER))
        yield opened


@pytest.fixture
def hub(databases: Databases) -> Iterator[TestHub]:
    """The hub that is written to."""
    yield from modelled(databases)


@pytest.fixture
def afterwards(databases: Databases) -> Iterator[TestHub]:
    """The hub that hears only what was said last."""
    yield from modelled(databases)


def drawn(chance: random.Random) -> supplier_pb2.Supplier:
    """Return what some system may say of a member of a family."""
    return supplier_pb2.Supplier(
        legal_name=chance.choice(NAMES), phone=chance.choice(PHONES), website=chance.choice(["", "bd.example"])
    )


def test_eight_writers_leave_no_double_link_no_orphan_and_what_a_batch_would(hub: TestHub, afterwards: TestHub) -> None:
    families = [mark() for _ in range(FAMILIES)]
    until = time.monotonic() + SECONDS

    def write(writer: int) -> tuple[int, Said]:
        """Say something new of one's own members of every family, again and again: every write meets the others'."""
        chance, last, writes = random.Random(writer), Said(), 0  # noqa: S311 - repeatable chance
        while time.monotonic() < until:
            family = chance.choice(families)
            for place in range(writer, MEMBERS, WRITERS):
                last[family, place] = drawn(chance)
                submitted(hub, said(family, place, last[family, place]))
                writes += 1
        return writes, last

    with ThreadPoolExecutor(WRITERS) as pool:
        written = list(pool.map(write, range(WRITERS)))
    sys.stdout.write(f"{sum(writes for writes, _ in written)} writes in {SECONDS:.0f} s\n")
    check_consistent(hub)
    for (family, place), content in sorted({k: v for _, last in written for k, v in last.items()}.items()):
        submitted(afterwards, said(family, place, content))
    for family in families:
        assert groups(hub, family) == groups(afterwards, family)
        assert waiting(hub, family) == waiting(afterwards, family)
