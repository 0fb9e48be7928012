"""The log's table, as queries name it; the migrations define it."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, LargeBinary, MetaData, Table, Text

LEAVES = Table(
    "leaves",
    MetaData(),
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
    schema="public",
)
