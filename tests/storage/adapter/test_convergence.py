"""Whatever people edit, whatever order things happen in, wherever the adapter is killed: it ends the same way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from concord.mdm.v1.ingest_pb2 import SourceRecord, SubmitSourceRecordsResponse
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.storage.schema import MIGRATIONS
from services.mesh.postgres.database import Database
from tests.support.adapter.fake_connector import VENDOR_FIELDS
from tests.support.adapter.fake_hub import FakeHub, LocalHub
from tests.support.adapter.outposts import ERP, Landscape, Session
from tests.support.database.databases import Databases

NUMBERS = ("000000001",)
PATHS = ("legal_name", "phone")


class Killed(BaseException):
    """Stands for kill -9."""


@dataclass
class Fuse:
    """Kills after so many steps; 0 = never."""

    steps: int = 0

    def burn(self) -> None:
        if self.steps:
            self.steps -= 1
            if not self.steps:
                raise Killed


class FusedDatabase(Database):
    """Dies before or after a transaction."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        self._inner = database
        self._fuse = fuse

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self._fuse.burn()
        with self._inner.transaction() as connection:
            yield connection
        self._fuse.burn()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._inner.reading() as connection:
            yield connection


class FusedHub(LocalHub):
    """Dies before or after a record was taken in."""

    def __init__(self, hub: FakeHub, fuse: Fuse) -> None:
        super().__init__(hub)
        self._fuse = fuse

    def submit(self, records: Sequence[SourceRecord]) -> list[SubmitSourceRecordsResponse]:
        self._fuse.burn()
        answers = []
        for sequence, record in enumerate(records, 1):
            answers.append(self.hub.submit(record, sequence))
            self._fuse.burn()
        return answers


Action: TypeAlias = tuple[Any, ...]


@dataclass
class World:
    """Everything that happens, and what people said."""

    landscape: Landscape
    fuse: Fuse = field(default_factory=Fuse)
    said: dict[tuple[str, str], str | None] = field(default_factory=dict)
    history: list[tuple[str, str, str, object]] = field(default_factory=list)
    counter: int = 0

    def __post_init__(self) -> None:
        self.landscape.system.before_write = self.fuse.burn
        self.landscape.system.after_write = self._wrote
        for number in NUMBERS:
            self.landscape.system.edit(f"vendor/{number}", number=number)
            for path in PATHS:
                self.edit(number, path, empty=False)
        self.session = self.start()
        self.session.settle()

    def start(self) -> Session:
        self.fuse.steps = 0
        hub, database = self.landscape.hub, self.landscape.database
        return self.landscape.start(database=FusedDatabase(database, self.fuse), hub=FusedHub(hub, self.fuse))

    def edit(self, number: str, path: str, *, empty: bool) -> None:
        value = None if empty else self._fresh("user")
        self._say(number, path, value)

    def revert(self, number: str, path: str) -> None:
        """Type the system's earlier word again."""
        key = f"vendor/{number}"
        values = [value for kind, where, what, value in self.history if (kind, where, what) == ("user", key, path)]
        if len(values) > 1:
            self._say(number, path, str(values[-2]) if values[-2] is not None else None)

    def repeat(self, number: str, path: str) -> None:
        """Type the system's last own word again, over what the hub delivered."""
        self._say(number, path, self.said[f"vendor/{number}", path])

    def correct(self, number: str, path: str, *, withdraw: bool) -> None:
        value = None if withdraw else self._fresh("steward")
        self.landscape.hub.correct(f"suppliers/{number}", **{path: value})

    def other(self, number: str, path: str) -> None:
        record = SourceRecord(system="systems/other", key=number)
        said = {path: self._fresh("other")}
        record.content.Pack(Supplier(duns=number, **said))  # type: ignore[arg-type]
        self.landscape.hub.submit(record, 1)

    def run(self, activity: str, steps: int) -> None:
        self.fuse.steps = steps
        try:
            self._activities()[activity]()
        except Killed:
            self.session = self.start()
        self.fuse.steps = 0

    def _activities(self) -> Mapping[str, Callable[[], object]]:
        session = self.session
        return {
            "pull": session.pull,
            "follow": session.follow,
            "deliver": session.deliver,
            "work off": session.work_off,
            "settle": session.settle,
        }

    def _say(self, number: str, path: str, value: str | None) -> None:
        key = f"vendor/{number}"
        self.landscape.system.edit(key, "vendor", **{VENDOR_FIELDS[path]: value})
        self.said[key, path] = value
        self.history.append(("user", key, path, value))

    def _fresh(self, who: str) -> str:
        self.counter += 1
        return f"{who} {self.counter}"

    def _wrote(self) -> None:
        key, _, values = self.landscape.system.written[-1]
        for path, value in values.items():
            # A word of the system's users that the hub gives back is their last one, never one that they took back.
            assert not str(value).startswith("user") or value == self.said[key, path], (key, path, value)
            self.history.append(("write", key, path, value))
        self.fuse.burn()

    def shown(self, number: str) -> dict[str, object]:
        fields = self.landscape.system.rows[f"vendor/{number}"].fields
        return {path: fields[VENDOR_FIELDS[path]] for path in PATHS if VENDOR_FIELDS[path] in fields}


_where = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(PATHS))
_steps = st.one_of(st.just(0), st.just(0), st.integers(1, 14))
_actions = st.one_of(
    st.tuples(st.just("edit"), _where, st.booleans()),
    st.tuples(st.just("revert"), _where),
    st.tuples(st.just("repeat"), _where),
    st.tuples(st.just("correct"), _where, st.booleans()),
    st.tuples(st.just("other"), _where),
    st.tuples(st.just("run"), st.sampled_from(["pull", "follow", "deliver", "work off"]), _steps),
    st.tuples(st.just("run"), st.just("settle"), st.sampled_from([0, 0, 3, 7, 12, 20, 30])),
)


def _play(world: World, action: Action) -> None:
    match action:
        case ("edit", (number, path), empty):
            world.edit(number, path, empty=empty)
        case ("revert", (number, path)):
            world.revert(number, path)
        case ("repeat", (number, path)):
            world.repeat(number, path)
        case ("correct", (number, path), withdraw):
            world.correct(number, path, withdraw=withdraw)
        case ("other", (number, path)):
            world.other(number, path)
        case ("run", activity, steps):
            world.run(activity, steps)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=st.lists(_actions, min_size=5, max_size=30))
def test_every_interleaving_converges_without_laundering_or_writing_twice(
    databases: Databases, actions: list[Action]
) -> None:
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        world = World(Landscape(database))
        for action in actions:
            _play(world, action)
        world.session = world.start()
        world.session.settle()
        _assert_settled(world)
        _assert_nothing_laundered(world)
        _assert_nothing_written_twice(world)
        _assert_nothing_moves(world)


def _assert_settled(world: World) -> None:
    for number in NUMBERS:
        golden = world.landscape.hub.content(f"suppliers/{number}")
        shown = world.shown(number)
        for path in PATHS:
            wanted = getattr(golden, path)
            if wanted:
                assert shown.get(path) == wanted, (number, path)


def _assert_nothing_laundered(world: World) -> None:
    """What counts as the system's word is what its users said last, and nothing that came from the hub."""
    for (key, path), value in world.said.items():
        assert world.landscape.hub.standing(ERP, key).get(path) == value, (key, path)


def _assert_nothing_written_twice(world: World) -> None:
    last: dict[tuple[str, str], object] = {}
    for kind, key, path, value in world.history:
        assert kind == "user" or last.get((key, path)) != ("write", value), (key, path, value)
        last[key, path] = (kind, value)


def _assert_nothing_moves(world: World) -> None:
    hub, system = world.landscape.hub, world.landscape.system
    before = (len(hub.feed), len(system.written), replace(system).version)
    for _ in range(5):
        world.session.pull(full=True)
        world.session.deliver()
    assert (len(hub.feed), len(system.written), system.version) == before
