"""The hub's own tables, as SQLAlchemy sees them; the migrations create them."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Boolean, Column, MetaData, Table, Text
from sqlalchemy.types import BigInteger

MIGRATIONS = Path(__file__).parent / "migrations"

OPERATIONAL_TABLES: Mapping[str, str] = {
    "record_index": "derived from revisions: where a value is found",
    "match_keys": "derived from revisions: which strong identifier belongs to whom",
    "crosswalk": "derived from source records: their links, read both ways",
    "match_nodes": "derived from source revisions and the match model: what of them is compared",
    "search_progress": "how far match_nodes follow the feed for types without a match model",
    "match_blocks": "derived from match_nodes: who shares a key",
    "match_edges": "derived from match_nodes: pairs that may be one thing, with their score",
    "match_candidates": "derived from match_edges and decisions: what waits for a steward, and who is at work on it",
    "reference_spans": "derived from golden revisions: whom they refer to, and when",
    "import_batches": "what became of an import's rows; written once with their own changes, never changed",
    "coded_values": "derived from source revisions and code maps: which codes mapped systems say",
    "code_map_runs": "how far golden records have come behind code maps; what a run makes leaves evidence",
    "match_models": "derived from models: which there are and which is in force; how far a training is",
    "presences": "derived from golden revisions: when they are there to be referred to",
    "reevaluations": "how far golden records follow changed rules: points at records, holds no content",
}
"""Tables that need no change row of their own, each with the reason."""

metadata = MetaData()

record_index = Table(
    "record_index",
    metadata,
    Column("record_type", Text),
    Column("path", Text),
    Column("value", Text),
    Column("record", Text),
    Column("from_revision", BigInteger),
    Column("to_revision", BigInteger),
)
crosswalk = Table(
    "crosswalk",
    metadata,
    Column("system", Text),
    Column("key", Text),
    Column("source_record", Text),
    Column("golden", Text),
    Column("live", Boolean),
)
