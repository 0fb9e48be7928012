"""Families of suppliers in tests of matching: records that are alike, kept apart from other examples by a mark."""

import hashlib
import itertools

from concord.mdm.v1 import ingest_pb2, supplier_pb2
from services.mdm.storage.writing.write_path import Applied
from services.mesh.records.store import State
from tests.support.hub.stored import TestHub, statement

SYSTEMS = ("systems/erp", "systems/legacy", "systems/workforce")
PHONES = ("+1 555 010 1234", "+1 555 010 1234", "+1 555 014 9876", "")
NAMES = ("Becton Dickinson", "Becton Dickinson and Company", "Beckton Dickinson", "Cardinal Health", "Cardnal Health")
numbers = itertools.count(1)


def said(mark: str, place: int, content: supplier_pb2.Supplier) -> ingest_pb2.SourceRecord:
    """Return what a system says; the mark keeps examples apart that share a hub."""
    digits = f"{int(mark, 36):024d}"
    marked = supplier_pb2.Supplier()
    marked.CopyFrom(content)
    marked.legal_name = f"{mark[:7]} {content.legal_name} {mark[7:]}"
    if content.phone:
        marked.phone = f"+1 {digits[-6:]}{content.phone[-4:]}"
    if content.website:
        marked.website = f"{mark}.{content.website}"
    marked.duns = content.duns and f"{digits[-12:-6]}{content.duns[:3]}"
    return statement(SYSTEMS[place % 3], f"{mark}/{place}", marked)


def submitted(hub: TestHub, *records: ingest_pb2.SourceRecord) -> list[Applied]:
    answers = [answer for answer in hub.submit(*records) if isinstance(answer, Applied)]
    assert len(answers) == len(records)
    return answers


def groups(hub: TestHub, mark: str) -> set[frozenset[int]]:
    """Return which places of an example belong together."""
    together: dict[object, set[int]] = {}
    for key, golden in hub.rows(f"SELECT key, golden FROM crosswalk WHERE key LIKE '{mark}/%%'"):  # noqa: S608 - our own mark
        together.setdefault(golden, set()).add(int(str(key).rpartition("/")[2]))
    return {frozenset(places) for places in together.values()}


def waiting(hub: TestHub, mark: str) -> set[frozenset[int]]:
    """Return the pairs of places that wait for a steward."""
    rows = hub.rows(
        "SELECT a.key, b.key FROM match_candidates m JOIN crosswalk a ON a.source_record = m.low "  # noqa: S608 - our own mark
        f"JOIN crosswalk b ON b.source_record = m.high WHERE a.key LIKE '{mark}/%%' AND b.key LIKE '{mark}/%%'"
    )
    return {frozenset(int(str(key).rpartition("/")[2]) for key in row) for row in rows}


def mark() -> str:
    """Return a text that is like no other one."""
    digest = hashlib.blake2b(f"{next(numbers)}".encode(), digest_size=12).digest()
    return "".join("abcdefghijklmnopqrstuvwxyz"[byte % 26] for byte in digest)


def check_consistent(hub: TestHub) -> None:
    """Every source record belongs to one living golden record, and no golden record lives without one."""
    orphans = (
        "SELECT count(*) FROM records r WHERE r.record_type = 'supplier' AND r.state = 1 "
        "AND NOT EXISTS (SELECT FROM crosswalk c WHERE c.golden = r.record)"
    )
    assert hub.rows(orphans) == [(0,)]
    lost = f"SELECT count(*) FROM crosswalk c JOIN records r ON r.record = c.golden WHERE r.state = {int(State.MERGED)}"  # noqa: S608 - a number
    assert hub.rows(lost) == [(0,)]
    assert hub.rows("SELECT count(*) FROM records WHERE record_type = 'source_record'") == hub.rows(
        "SELECT count(*) FROM crosswalk"
    )
