"""What has to be true of a hub and its audit whatever was killed: nothing lost, nothing twice, no gap."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from concord.audit.v1.audit_pb2 import Leaf
from concord.mdm.v1 import ingest_pb2, supplier_pb2
from services.audit.signing_keys import read_signer
from services.mesh.postgres.database import Database, DatabaseSettings
from tests.support.audit.checkpoints import recomputed
from tests.support.hub.served import Client
from tests.support.processes.write_load import Acknowledged
from tests.support.waiting import eventually
from tools.mesh import LOG_ORIGIN
from tools.postgres import PostgresServer

_CHANGES = "SELECT seq, record, revision, leaf FROM changes ORDER BY seq"
_LEAVES = "SELECT leaf_index, leaf_hash, leaf FROM leaves ORDER BY leaf_index"
_POSITIONS = "SELECT position, seq, leaf_index, leaf_hash FROM positions ORDER BY position"
_SPOOL = "SELECT count(*) FROM (SELECT FROM spool LIMIT 1) AS waiting"
_DRAINED_S = 120.0
_PAGE = 100


class Evidence:
    """The databases of a hub, `mdm`, and of its audit, `audit`, on one server."""

    def __init__(self, postgres: PostgresServer, log_key_file: Path) -> None:
        self._postgres = postgres
        self._signer = read_signer(LOG_ORIGIN, log_key_file)

    def await_drained(self) -> None:
        """Wait until every change has its receipt, and PostgreSQL has recovered if it has to."""
        eventually(self._is_drained, timeout_s=_DRAINED_S, describe="the spool")

    def _is_drained(self) -> bool:
        try:
            return self._rows("mdm", _SPOOL) == [(0,)]
        except psycopg.OperationalError:
            return False

    def require_whole(self) -> int:
        """Require that changes, positions and leaves are one another's, gapless; return how many there are.

        Every checkpoint is recomputed from the leaves.
        """
        changes = {seq: (record, revision, bytes(leaf)) for seq, record, revision, leaf in self._rows("mdm", _CHANGES)}
        leaves = self._rows("audit", _LEAVES)
        held = [bytes(leaf) for _, _, leaf in leaves]
        assert Counter(held) == Counter(leaf for _, _, leaf in changes.values())
        assert [index for index, _, _ in leaves] == list(range(len(leaves)))
        positions = self._rows("mdm", _POSITIONS)
        assert [position for position, *_ in positions] == list(range(1, len(changes) + 1))
        for _, seq, leaf_index, leaf_hash in positions:
            assert changes[seq][2] == held[leaf_index]
            assert bytes(leaf_hash) == bytes(leaves[leaf_index][1])
        _require_gapless((record, revision) for record, revision, _ in changes.values())
        _require_gapless((record, revision) for record, revision, _ in (changes[seq] for _, seq, *_ in positions))
        self.recompute_checkpoints()
        return len(changes)

    def recompute_checkpoints(self) -> int:
        """Recompute every checkpoint; return how many there are."""
        database = Database(DatabaseSettings(self._postgres.url("audit")))
        try:
            return recomputed(database, self._signer)
        finally:
            database.close()

    def require_acknowledged(self, client: Client, written: Sequence[Acknowledged]) -> None:
        """Require that what was acknowledged is there as it was told, and that no request made two revisions."""
        leaves = [Leaf.FromString(bytes(leaf)) for _, _, leaf in self._rows("audit", _LEAVES)]
        made = Counter((leaf.request_id, leaf.record) for leaf in leaves if leaf.request_id)
        assert [request for request, count in made.items() if count > 1] == []
        by_request = {(leaf.request_id, leaf.record): leaf.revision for leaf in leaves if leaf.request_id}
        expected = {(one.request_id, one.record): one.revision for one in written if one.request_id}
        assert expected.items() <= by_request.items()
        told = {(one.record, one.revision): one.legal_name for one in written}
        assert len(told) == len(written)
        stored = {key: name for record in {one.record for one in written} for key, name in _revisions(client, record)}
        assert {key: stored.get(key) for key in told} == told

    def _rows(self, database: str, statement: LiteralString) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._postgres.url(database)) as connection:
            return connection.execute(statement).fetchall()


def _require_gapless(pairs: Iterable[tuple[str, int]]) -> None:
    """Require that each record's revisions come as 1, 2, 3, in this order."""
    newest: dict[str, int] = {}
    for record, revision in pairs:
        assert revision == newest.get(record, 0) + 1, record
        newest[record] = revision


def _revisions(client: Client, record: str) -> Iterable[tuple[tuple[str, int], str]]:
    if record.startswith("suppliers/"):
        request = supplier_pb2.ListSupplierRevisionsRequest(name=record, page_size=_PAGE)
        for golden in client.suppliers.ListSupplierRevisions(request).suppliers:
            yield (record, golden.revision), golden.legal_name
        return
    asked = ingest_pb2.ListSourceRecordRevisionsRequest(name=record, page_size=_PAGE)
    for source in client.ingest.ListSourceRecordRevisions(asked).source_records:
        content = supplier_pb2.Supplier()
        source.content.Unpack(content)
        yield (record, source.revision), content.legal_name
