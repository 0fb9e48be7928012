"""The log's tables, as queries name them; the migrations define them."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, LargeBinary, MetaData, Table, Text

_LOG = MetaData(schema="public")

LEAVES = Table(
    "leaves",
    _LOG,
    Column("leaf_index", BigInteger, primary_key=True),
    Column("source_service", Text(collation="C")),
    Column("record", Text(collation="C")),
    Column("revision", BigInteger),
    Column("record_type", Text(collation="C")),
    Column("actor", Text(collation="C")),
    Column("entities", ARRAY(Text)),
    Column("occurred_at", DateTime(timezone=True)),
    Column("leaf", LargeBinary),
    Column("leaf_hash", LargeBinary),
    Column("received_at", DateTime(timezone=True)),
)
CHECKPOINTS = Table(
    "checkpoints",
    _LOG,
    Column("tree_size", BigInteger, primary_key=True),
    Column("root", LargeBinary),
    Column("note", Text),
    Column("key_id", LargeBinary),
    Column("signed_at", DateTime(timezone=True)),
)
COSIGNATURES = Table(
    "cosignatures",
    _LOG,
    Column("tree_size", BigInteger, primary_key=True),
    Column("witness", Text, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    Column("line", Text),
    Column("cosigned_at", DateTime(timezone=True)),
)
LEAF_TERMS = Table(
    "leaf_terms",
    _LOG,
    Column("leaf_index", BigInteger, primary_key=True),
    Column("terms", ARRAY(BigInteger)),
)
