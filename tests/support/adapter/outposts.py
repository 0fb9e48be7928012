"""An outpost between a system in memory and a hub in memory, on a real database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.adapter.hub.client import Hub
from services.adapter.incoming.intake import Counts, Intake
from services.adapter.incoming.pulling import Pulling
from services.adapter.outgoing.delivering import Delivering
from services.adapter.outgoing.follower import Follower
from services.adapter.outgoing.recovery import Recovery
from services.adapter.outpost import Outpost
from services.adapter.storage import synchronizations
from services.adapter.storage.agenda import Agenda
from services.adapter.storage.ledger import Ledger
from services.adapter.systems.systems_file import DeliveryMode, ServedSystem
from services.adapter.systems.tally import Tally
from services.mesh.postgres.database import Database
from services.mesh.records.keys import KeyRing
from services.mesh.records.sealing import Sealer
from services.mesh.records.store import RecordStore
from tests.support.adapter.fake_connector import FakeConnector, FakeSystem
from tests.support.adapter.fake_hub import FakeHub, LocalHub

RING = KeyRing({1: bytes(range(32))})
ERP = "systems/erp"


@dataclass
class Calendar:
    """A clock that stands still until it is told to go on."""

    now: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Landscape:
    """A system, a hub and the adapter's database between them; `start` is what a restarted process has."""

    database: Database
    system: FakeSystem = field(default_factory=FakeSystem)
    hub: FakeHub = field(default_factory=FakeHub)
    calendar: Calendar = field(default_factory=Calendar)
    mode: DeliveryMode = DeliveryMode.UPDATE

    def start(
        self, *, database: Database | None = None, hub: Hub | None = None, tally: Tally | None = None
    ) -> "Session":
        """Build everything that a process holds in memory."""
        sealer = Sealer(RING)
        served = ServedSystem(ERP, "fake", deliver={"supplier": self.mode, "cost_center": self.mode})
        outpost = Outpost(
            service="fake_adapter",
            system=served,
            connector=FakeConnector(self.system),
            hub=hub or LocalHub(self.hub),
            database=database or self.database,
            ledger=Ledger(RecordStore("fake_adapter", sealer), lambda _: ("entities/north",)),
            agenda=Agenda(ERP, sealer),
            sealer=sealer,
            clock=self.calendar,
            traceparent=lambda: "",
            tally=tally or Tally.off(),
        )
        with self.database.transaction() as connection:
            synchronizations.begin(connection, ERP)
        return Session(outpost)

    def name(self, number: str) -> str:
        """Return the golden record that documents with this number belong to."""
        return f"suppliers/{number}"


class Session:
    """One process's parts, moved by hand."""

    def __init__(self, outpost: Outpost) -> None:
        self.outpost = outpost
        self.intake = Intake(outpost)
        self.pulling = Pulling(outpost, self.intake)
        self.delivering = Delivering(outpost, self.intake)
        self.follower = Follower(outpost)
        self.recovery = Recovery(outpost)

    def pull(self, *, full: bool = False) -> Counts:
        """Look up what was begun, then pull."""
        self.recovery.run()
        return self.pulling.run(full=full)

    def follow(self) -> None:
        """Take over what the feed holds."""
        for message in self.follower.open_stream(self.follower.load_cursor()):
            self.follower.handle(message)

    def deliver(self) -> None:
        """Look up what was begun, then take over the feed and deliver."""
        self.recovery.run()
        self.follow()
        self.delivering.run()

    def work_off(self) -> None:
        """Look up what was begun, then deliver what is on the agenda, however far the feed is ahead."""
        self.recovery.run()
        self.delivering.run()

    def settle(self) -> None:
        """Synchronise until nothing moves."""
        for _ in range(4):
            self.pull()
            self.deliver()
