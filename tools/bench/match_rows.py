"""A population straight into the match tables, in the format that the hub stores.

A million records by way of the hub take an hour; what `match_one` measures is the tables and the code that reads them.
The rows are what the hub itself would have written: the same profiles, the same block keys, the same bytes.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from google.protobuf.message import Message

from services.mdm.domain.matching.blocking.bulk_keys import all_keys_in_bulk
from services.mdm.domain.matching.columns.population import most_holders, population
from services.mdm.domain.matching.learning.training import MOST_HOLDERS, trained
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.domain.types.supplier import SUPPLIER
from services.mesh.postgres.arrays import number_array
from tools.population.contents import content
from tools.population.suppliers import Record

Numbers = npt.NDArray[np.int64]
_CHUNK = 2_000
_BLOCK = np.dtype([("fields", ">i2"), ("size", ">i4"), ("key", ">i8"), ("length", ">i4"), ("node", ">i8")])
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_NODES = "COPY match_nodes (node, source_record, record_type, model_revision, profile, keys) FROM STDIN"
_BLOCKS = "COPY match_blocks (key, node) FROM STDIN (FORMAT BINARY)"
_MOST_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Rows:
    """Profiles as they are stored, and each one's block keys: those from `starts[n]` to `starts[n + 1]`."""

    profiles: Sequence[bytes]
    keys: Numbers
    starts: Numbers


def profile_of(message: Message) -> Profile:
    """Return the profile of a generated supplier's content; nothing of it is RESTRICTED."""
    return profile(SUPPLIER, message, lambda value, _purpose: value)


def model_of(sample: Sequence[Record]) -> MatchModel:
    """Return a model trained on a sample, as revision 1."""
    model, _ = trained(SUPPLIER, population([profile_of(content(record)) for record in sample]))
    return replace(model, revision=1)


def rows_of(records: Iterable[Record], model: MatchModel, processes: int) -> tuple[Rows, MatchModel]:
    """Return the rows of a population, and the model with the keys that are too common in the whole of it."""
    profiles: list[bytes] = []
    counts: list[Numbers] = []
    keys: list[Numbers] = []
    with ProcessPoolExecutor(processes, initializer=_know, initargs=(model,)) as pool:
        for stored, counted, found in _in_order(pool, records, processes):
            profiles += stored
            counts.append(counted)
            keys.append(found)
    return _kept(profiles, np.concatenate(counts), np.concatenate(keys), model)


def fill(connection: psycopg.Connection[Any], rows: Rows, model: MatchModel) -> None:
    """Copy rows into the empty match tables: node n is the record in place n, from 1."""
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(_NODES) as copy:
            for line in _node_lines(rows, model):
                copy.write(line)
        with cursor.copy(_BLOCKS) as copy:
            copy.write(_HEADER)
            for part in _blocks(rows):
                copy.write(part)
            copy.write(_TRAILER)
    for table in ("match_nodes", "match_blocks"):
        connection.execute(psycopg.sql.SQL("VACUUM (ANALYZE) {}").format(psycopg.sql.Identifier(table)))


def name_of(place: int) -> str:
    """Return the name of the source record in a place, from 0."""
    return f"systems/population/sourceRecords/{place:032x}"


_known: list[MatchModel] = []


def _know(model: MatchModel) -> None:
    _known[:] = [model]


def _in_order(
    pool: ProcessPoolExecutor, records: Iterable[Record], processes: int
) -> Iterator[tuple[list[bytes], Numbers, Numbers]]:
    """Give the rows chunk by chunk; only a few chunks wait at a time."""
    of = iter(records)
    chunks = iter(lambda: list(itertools.islice(of, _CHUNK)), [])
    under_way = [pool.submit(_rows_of_chunk, chunk) for chunk in itertools.islice(chunks, 2 * processes)]
    while under_way:
        yield under_way.pop(0).result()
        under_way += [pool.submit(_rows_of_chunk, chunk) for chunk in itertools.islice(chunks, 1)]


def _rows_of_chunk(records: list[Record]) -> tuple[list[bytes], Numbers, Numbers]:
    (model,) = _known
    profiles = [profile_of(content(record)) for record in records]
    keys = all_keys_in_bulk(population(profiles), model)
    return [each.to_bytes() for each in profiles], keys.sizes(), keys.flat


def _kept(profiles: Sequence[bytes], sizes: Numbers, flat: Numbers, model: MatchModel) -> tuple[Rows, MatchModel]:
    """Return each key of a record once, without those that too many hold, which the model then lists."""
    places = np.repeat(np.arange(len(profiles)), sizes)
    order = np.lexsort((flat, places))
    flat, places = flat[order], places[order]
    first = np.concatenate(([True], (flat[1:] != flat[:-1]) | (places[1:] != places[:-1])))
    flat, places = flat[first], places[first]
    values, back, held = np.unique(flat, return_inverse=True, return_counts=True)
    most = most_holders(held, len(profiles), cap=MOST_HOLDERS)
    rare = held[back] <= most
    starts = np.zeros(len(profiles) + 1, dtype=np.int64)
    np.cumsum(np.bincount(places[rare], minlength=len(profiles)), out=starts[1:])
    frozen = replace(model, common_keys=frozenset(values[held > most].tolist()))
    return Rows(profiles, flat[rare], starts), frozen


def _node_lines(rows: Rows, model: MatchModel) -> Iterator[str]:
    for place, stored in enumerate(rows.profiles):
        keys = rows.keys[rows.starts[place] : rows.starts[place + 1]].tolist()
        head = f"{place + 1}\t{name_of(place)}\t{model.record_type}\t{model.revision}"
        yield f"{head}\t\\\\x{stored.hex()}\t{number_array(keys)}\n"


def _blocks(rows: Rows) -> Iterator[bytes]:
    """Give the rows of keys in the order of their index, which then grows at its end."""
    nodes = np.repeat(np.arange(1, len(rows.profiles) + 1), np.diff(rows.starts))
    order = np.lexsort((nodes, rows.keys))
    for start in range(0, len(order), _MOST_AT_ONCE):
        part = order[start : start + _MOST_AT_ONCE]
        binary = np.zeros(len(part), dtype=_BLOCK)
        binary["fields"], binary["size"], binary["length"] = 2, 8, 8
        binary["key"], binary["node"] = rows.keys[part], nodes[part]
        yield binary.tobytes()
