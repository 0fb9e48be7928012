"""Pulling: what changed in a system, batch by batch, up to date."""

from collections.abc import Callable

from services.adapter.incoming.intake import Counts, Intake
from services.adapter.outpost import Outpost
from services.adapter.storage import synchronizations


class Pulling:
    """Reads one system up to date."""

    def __init__(self, outpost: Outpost, intake: Intake) -> None:
        self._outpost = outpost
        self._intake = intake

    def run(self, *, full: bool = False, go_on: Callable[[], bool] = lambda: True) -> Counts:
        """Take in what changed since the last batch that was acknowledged whole, or everything.

        Stops between two batches when `go_on` says so; the next run continues there. Raises RemoteError, ConcordError.
        """
        counts = Counts()
        for batch in self._outpost.connector.pull(self._cursor(), full=full):
            counts += self._intake.take_in(batch.documents, cursor=batch.cursor, repeat=full)
            if not go_on():
                return counts
        with self._outpost.database.transaction() as connection:
            synchronizations.completed(connection, self._outpost.name, self._outpost.clock())
        return counts

    def _cursor(self) -> str:
        with self._outpost.database.reading() as connection:
            return synchronizations.read(connection, self._outpost.name).pull_cursor
