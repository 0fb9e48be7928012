"""Defects that the tests of evidence have to find: each a small change of a source, and a test that fails for it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Defect:
    """What is wrong, the file and its text that is replaced by another, and the test (pytest's id) that finds it."""

    name: str
    file: str
    old: str
    new: str
    found_by: str

    def plant(self, checkout: Path) -> str:
        """Plant the defect in a checkout; return what the file held before. Raises LookupError for an unclear place."""
        path = checkout / self.file
        sound = path.read_text()
        if sound.count(self.old) != 1:
            raise LookupError(f"{self.name}: {self.file} holds {sound.count(self.old)} times what is to be replaced")
        path.write_text(sound.replace(self.old, self.new))
        return sound


_RELAY = "services/mesh/records/relay.py"
_SEQUENCING = "services/audit/domain/sequencing.py"
_LOG = "services/audit/storage/leaf_log.py"

DEFECTS = (
    Defect(
        "the relay publishes before it sends",
        _RELAY,
        "            _publish(connection, batch, self._receipts(batch.leaves))\n",
        "            _publish(connection, batch, [Receipt()] * len(batch.leaves))\n"
        "            self._receipts(batch.leaves)\n",
        "tests/storage/mesh/test_relay.py::test_nothing_is_published_while_the_audit_is_down",
    ),
    Defect(
        "a receipt is given before its leaf is committed",
        _LOG,
        "        with self._database.transaction() as transaction:\n"
        "            connection = driver(transaction)\n            keys = ",
        "        opened = self.opened = self._database.engine.connect()\n"
        "        with __import__('contextlib').ExitStack() as afterwards:\n"
        "            connection = driver(opened)\n"
        "            afterwards.callback(threading.Thread(target=connection.commit).start)\n"
        "            keys = ",
        "tests/service/audit/test_appending.py::test_no_receipt_is_given_before_the_commit",
    ),
    Defect(
        "two sequencers give places at once",
        "services/audit/storage/standing.py",
        '"SELECT pg_advisory_xact_lock(%b)"',
        '"SELECT %b"',
        "tests/storage/audit/test_leaf_log.py::test_the_next_sequencer_waits_until_the_one_before_has_committed",
    ),
    Defect(
        "a leaf that is held is appended again",
        _SEQUENCING,
        "            receipt = self._held.get(leaf.key) or (fresh[leaf.key][1] if leaf.key in fresh else None)\n",
        "            receipt = None\n",
        "tests/storage/audit/test_leaf_log.py::test_a_repeat_gets_its_first_receipts_and_adds_nothing",
    ),
    Defect(
        "other bytes for a held key are receipted",
        _SEQUENCING,
        "            elif receipt.leaf_hash != leaf.leaf_hash:\n",
        "            elif not receipt.leaf_hash:\n",
        "tests/storage/audit/test_leaf_log.py::test_other_bytes_for_a_held_key_append_nothing_of_the_request",
    ),
    Defect(
        "a leaf is hashed without its prefix",
        "services/audit/domain/leaf.py",
        "hashlib.sha256(_LEAF_PREFIX + data)",
        "hashlib.sha256(data)",
        "tests/unit/audit/test_leaf.py::test_a_leaf_hash_is_the_published_one_of_the_empty_leaf",
    ),
    Defect(
        "a checkpoint leaves out the newest leaf",
        _LOG,
        "(leaf.leaf_hash for leaf, _ in fresh)",
        "(leaf.leaf_hash for leaf, _ in fresh[:-1])",
        "tests/storage/audit/test_tree.py::test_a_receipt_carries_the_checkpoint_of_its_commit",
    ),
    Defect(
        "positions have gaps",
        _RELAY,
        "    SELECT last.position + place, seq, last.position + transaction_end, last",
        "    SELECT last.position + place + 1, seq, last.position + transaction_end + 1, last",
        "tests/storage/mesh/test_relay.py::test_positions_are_gapless_and_continue_after_a_restart",
    ),
    Defect(
        "the spool keeps what was published",
        _RELAY,
        "    DELETE FROM spool USING stamped WHERE spool.seq = stamped.seq RETURNING spool.seq\n",
        "    SELECT spool.seq FROM spool JOIN stamped ON spool.seq = stamped.seq\n",
        "tests/storage/mesh/test_relay.py::test_positions_are_gapless_and_continue_after_a_restart",
    ),
    Defect(
        "a transaction is published in two pieces",
        _RELAY,
        "FROM spool GROUP BY xid\n",
        "FROM spool GROUP BY xid, seq\n",
        "tests/storage/mesh/test_relay.py::test_a_batch_is_bounded_and_never_splits_a_transaction",
    ),
    Defect(
        "receipts are given to other changes",
        _RELAY,
        "            receipts.extend(answer)\n",
        "            receipts.extend(reversed(answer))\n",
        "tests/storage/mesh/test_relay.py::test_the_frozen_leaf_is_what_the_audit_gets",
    ),
    Defect(
        "a repeated request is applied again",
        "services/mdm/storage/deciding/transactions.py",
        "            new = [place for place, answer in enumerate(recalled) if answer is None]\n",
        "            new = list(range(len(recalled)))\n",
        "tests/storage/mdm/test_stewardship.py::test_a_repeat_returns_the_first_answer_and_another_body_is_refused",
    ),
    Defect(
        "a record is changed without its change row",
        "services/mesh/records/schema.py",
        "CREATE CONSTRAINT TRIGGER require_change_row AFTER INSERT OR UPDATE ON public.records\n"
        "    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.require_change_row();\n",
        "",
        "tests/storage/mesh/test_ledger_schema.py::test_a_change_without_its_row_fails_at_commit",
    ),
    Defect(
        "a change is not spooled",
        "services/mesh/records/schema.py",
        "    INSERT INTO public.spool (seq, xid) SELECT seq, xid FROM added;\n",
        "",
        "tests/storage/mesh/test_relay.py::test_positions_are_gapless_and_continue_after_a_restart",
    ),
)
