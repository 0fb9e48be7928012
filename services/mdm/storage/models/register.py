"""The register of match models: which there are, which is in force, and how far a training is."""

from dataclasses import dataclass

from sqlalchemy import Connection

from concord.mdm.v1 import match_model_service_pb2 as pb
from services.mesh.postgres.database import driver

State = pb.MatchModelRecord.State
Phase = pb.MatchTraining.Phase

_PUT = """
INSERT INTO match_models (record_type, number, record, state) VALUES (%s, %s, %s, %s)
ON CONFLICT (record_type, number) DO UPDATE SET state = excluded.state
"""
_LAST = "SELECT coalesce(max(number), 0) FROM match_models WHERE record_type = %s"
_IN_FORCE = "SELECT record_type, number, record, state FROM match_models WHERE state = 3"
_IN_TRAINING = "SELECT record FROM match_models WHERE state = 1 ORDER BY record LIMIT 1"
_ASKED = "FROM match_models WHERE (%(type)s = '' OR record_type = %(type)s) AND (%(state)s = 0 OR state = %(state)s)"
_PAGE = f"""
SELECT record_type, number, record, state {_ASKED}
AND (%(after_type)s::text IS NULL OR (record_type, -number) > (%(after_type)s, -%(after_number)s))
ORDER BY record_type, number DESC LIMIT %(limit)s
"""
_COUNT = f"SELECT count(*) {_ASKED}"
_PROGRESS = """
UPDATE match_models SET phase = %s, done_count = %s, total_count = %s, heard_of = clock_timestamp()
WHERE record = %s
"""
_TRAINING = "SELECT phase, done_count, total_count, heard_of FROM match_models WHERE record = %s"


@dataclass(frozen=True)
class Registered:
    """One model's place: its type and number, its record, its state."""

    record_type: str
    number: int
    record: str
    state: State.ValueType


def put(connection: Connection, model: Registered) -> None:
    """Bring a model's state up to date."""
    values = (model.record_type, model.number, model.record, model.state)
    driver(connection).execute(_PUT, values)


def last_number(connection: Connection, record_type: str) -> int:
    """Return the number of a type's newest model; 0 = it has none."""
    row = driver(connection).execute(_LAST, (record_type,)).fetchone()
    return row[0] if row else 0


def in_force(connection: Connection) -> dict[str, Registered]:
    """Return the models that decide, by type."""
    return {row[0]: Registered(*row) for row in driver(connection).execute(_IN_FORCE)}


def in_training(connection: Connection) -> str | None:
    """Return a model that waits to be trained."""
    row = driver(connection).execute(_IN_TRAINING).fetchone()
    return row[0] if row else None


def page(
    connection: Connection, record_type: str, state: int, after: tuple[str, int] | None, limit: int
) -> list[Registered]:
    """Return models by type, newest first, those behind (type, number); "" = all types, 0 = all states."""
    after_type, after_number = after or (None, 0)
    asked = {"type": record_type, "state": state, "limit": limit}
    asked |= {"after_type": after_type, "after_number": after_number}
    return [Registered(*row) for row in driver(connection).execute(_PAGE.encode(), asked)]


def count(connection: Connection, record_type: str, state: int) -> int:
    """Count models; "" = of all types, 0 = in all states."""
    row = driver(connection).execute(_COUNT.encode(), {"type": record_type, "state": state}).fetchone()
    return row[0] if row else 0


def tell_progress(connection: Connection, record: str, phase: Phase.ValueType, done: int, total: int) -> None:
    """Note how far a training is."""
    driver(connection).execute(_PROGRESS, (phase, done, total, record))


def training(connection: Connection, record: str) -> pb.MatchTraining:
    """Return how far a training is."""
    told = pb.MatchTraining()
    row = driver(connection).execute(_TRAINING, (record,)).fetchone()
    if row:
        told.phase, told.done_count, told.total_count, heard_of = row
        if heard_of:
            told.update_time.FromDatetime(heard_of)
    return told
