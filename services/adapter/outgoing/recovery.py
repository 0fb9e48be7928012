"""Recovery: what was begun before a failure is looked up in the system, before anything is read or written there.

A write whose document was read back as the system's own word would launder the hub's values.
"""

from services.adapter.hub.golden import open_golden, record_type_of
from services.adapter.outgoing.deliveries import Deliveries, OpenDelivery
from services.adapter.outpost import Outpost
from services.adapter.systems.connector import Document, UntranslatableError


class Recovery:
    """Looks up the deliveries to one system that are begun and not concluded."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost
        self._deliveries = Deliveries(outpost)

    def run(self) -> int:
        """Conclude what turns out to be in the system; the rest stays begun. Return how many were looked up.

        Raises RemoteError.
        """
        with self._outpost.database.reading() as connection:
            begun = self._deliveries.open(connection)
        if not begun:
            return 0
        placed = [(delivery, self._key(delivery)) for delivery in begun]
        found = self._outpost.connector.current([key for _, key in placed if key])
        for delivery, key in placed:
            self._resolve(delivery, found.get(key))
        return len(begun)

    def _key(self, delivery: OpenDelivery) -> str:
        if not delivery.content.created:
            return delivery.content.key
        golden = open_golden(delivery.golden)
        try:
            return self._outpost.connector.find(record_type_of(golden), golden) or ""
        except UntranslatableError:
            return ""  # told as a discrepancy when it is its turn to be created

    def _resolve(self, delivery: OpenDelivery, document: Document | None) -> None:
        if document is None or document.deleted:
            return
        with self._outpost.database.transaction() as connection:
            self._deliveries.resolve(connection, delivery, document)
