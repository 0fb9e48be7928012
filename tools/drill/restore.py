"""Backup and restore: base backup and write-ahead log, or a dump of one database, taken under write load."""

import shutil
import time
from pathlib import Path

import psycopg

from concord.mdm.v1.supplier_pb2 import GetSupplierRequest
from tools.drill import evidence
from tools.drill.evidence import LostError
from tools.drill.figures import Figure
from tools.drill.rehearsal import Pair, Rehearsal, variables, whole
from tools.drill.replication import base_backup, lose, restored, run
from tools.drill.writers import Writing, writing
from tools.leftovers import wait_until
from tools.mesh import MDM, MeshError, roles
from tools.postgres import PostgresServer

_ANSWERS = 40
_ARCHIVED_S = 30.0
_ARCHIVED = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
_SWITCH = "SELECT pg_walfile_name(pg_switch_wal())"
_REFUSED = "not started: the log has"


def hub_restored(stage: Rehearsal) -> Figure:
    """Lose both of the hub's servers with what they had not archived; restore, and say what is gone.

    What was archived ends at the last whole file of the write-ahead log. New records are written afterwards; those of
    which something is gone are left alone until somebody has decided about them.
    """
    hub, suppliers = stage.hub, stage.suppliers()
    with writing(suppliers) as load:
        load.await_answers(_ANSWERS)
        base_backup(hub.primary, stage.directory / "mdm-restored" / "cluster")
        load.await_answers(_ANSWERS)
        archive(hub.primary)
        load.await_answers(_ANSWERS)
    evidence.await_drained(hub.primary)
    last, lost_at = evidence.last_change(hub.primary), time.monotonic()
    _lose_both(hub)
    hub.primary = hub.standby = stage.stack.enter_context(restored(stage.directory / "mdm-restored", hub.archive))
    stage.mesh.replace(stage.mesh.services["mdm"], variables(MDM, [hub.primary]))
    stage.progress(f"the hub serves from its backup {time.monotonic() - lost_at:.1f} s after the loss")
    gone = evidence.missing(hub.primary, load.acknowledged)
    reached = evidence.last_change(hub.primary)
    with writing(suppliers) as later:
        later.await_answers(_ANSWERS)
    evidence.await_drained(hub.primary)
    found = evidence.differences(stage.channel("mdm"))
    known = evidence.named(found, gone)
    told = f"recovered to {reached}, of changes until {last}; the audit names {known} of {len(gone)} that are gone"
    held = bool(gone) and known == len(gone) and not evidence.missing(hub.primary, later.acknowledged)
    recovery_s = min(one.at for one in later.acknowledged) - lost_at
    return Figure("hub, restored", recovery_s, len(load.acknowledged), len(gone), known, load.repeats, held, told)


def hub_dumped(stage: Rehearsal) -> Figure:
    """Dump the hub's database as the runbook says, keys apart, and let a hub serve what is restored of it, to read."""
    hub, suppliers = stage.hub, stage.suppliers()
    with writing(suppliers) as load:
        load.await_answers(_ANSWERS)
        _dump(hub.primary, stage.directory)
        load.await_answers(_ANSWERS)
    evidence.await_drained(hub.primary)
    copy = stage.stack.enter_context(PostgresServer.start(stage.directory / "mdm-dumped", fsync=True))
    began = time.monotonic()
    _restore_dump(copy, stage.directory)
    owned = {f"{MDM.prefix}_DATABASE_PASSWORD_FILE": str(copy.password_file(roles(MDM)[1]))}
    original = stage.mesh.services["mdm"].environment
    stage.mesh.replace(stage.mesh.services["mdm"], variables(MDM, [copy]) | owned)
    stage.suppliers().GetSupplier(GetSupplierRequest(name=load.acknowledged[0].record))
    recovery_s = time.monotonic() - began
    gone = evidence.missing(copy, load.acknowledged)
    known = evidence.named(evidence.differences(stage.channel("mdm")), gone)
    stage.mesh.replace(stage.mesh.services["mdm"], original)
    told = f"dumped under load, restored apart and read; the audit names {known} of {len(gone)} later changes"
    held = bool(gone) and known == len(gone)
    return Figure("hub, dumped", recovery_s, len(load.acknowledged), len(gone), known, load.repeats, held, told)


def audit_restored(stage: Rehearsal) -> Figure:
    """Restore the audit too early a time: its witness refuses it. Restore it with all of its log: it goes on."""
    audit, suppliers = stage.audit, stage.suppliers()
    early, complete = (stage.directory / f"audit-{name}" for name in ("early", "restored"))
    with writing(suppliers) as load:
        load.await_answers(_ANSWERS)
        base_backup(audit.primary, early / "cluster")
        load.await_answers(_ANSWERS)
    shutil.copytree(early, complete)
    evidence.await_drained(stage.hub.primary)
    evidence.await_cosigned(audit.primary)
    archive(audit.primary)
    _lose_both(audit)
    lost_at = time.monotonic()
    refusal = _refused(stage, stage.stack.enter_context(restored(early, None)))
    stage.progress(f"an audit that is behind does not start: {refusal}")
    audit.primary = audit.standby = stage.stack.enter_context(restored(complete, audit.archive))
    stage.mesh.replace(stage.mesh.services["audit"], variables(audit.kind, [audit.primary]))
    with writing(suppliers) as later:
        later.await_answers(_ANSWERS)
    recovery_s = min(one.at for one in later.acknowledged) - lost_at
    both = Writing(acknowledged=load.acknowledged + later.acknowledged, repeats=load.repeats + later.repeats)
    return whole(stage, both, "audit, restored", recovery_s)


def archive(server: PostgresServer) -> None:
    """Have the write-ahead log so far archived, as a time limit would. Raises LostError."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        (name,) = connection.execute(_SWITCH).fetchone() or ("",)
        done = wait_until(
            lambda: connection.execute(_ARCHIVED, (name,)).fetchone() == (True,), timeout_s=_ARCHIVED_S, pause_s=0.05
        )
    if not done:
        raise LostError(f"{name} is not archived after {_ARCHIVED_S:.0f} s")


def _lose_both(pair: Pair) -> None:
    for server in {id(one): one for one in (pair.primary, pair.standby)}.values():
        lose(server)


def _refused(stage: Rehearsal, server: PostgresServer) -> str:
    """Start the audit on a database that is behind its witness; return why it does not start. Raises LostError."""
    audit = stage.mesh.services["audit"]
    try:
        stage.mesh.replace(audit, variables(audit.kind, [server]))
    except MeshError as error:
        if _REFUSED in str(error):
            return next(line for line in str(error).splitlines() if _REFUSED in line)
        raise
    raise LostError("an audit that is behind its witness serves")


def _dump(server: PostgresServer, directory: Path) -> None:
    """Dump what docs/runbooks/backup.md dumps."""
    data = ["--format=custom", "--exclude-table-data=public.record_keys"]
    keys = ["--format=custom", "--data-only", "--table=public.record_keys"]
    run(server, "pg_dump", *data, f"--file={directory / 'mdm.dump'}", f"--dbname={server.url('mdm')}")
    run(server, "pg_dump", *keys, f"--file={directory / 'mdm-keys.dump'}", f"--dbname={server.url('mdm')}")


def _restore_dump(server: PostgresServer, directory: Path) -> None:
    owner, role = roles(MDM)
    for name in (owner, role):
        server.create_role(name)
    server.create_database("mdm", owner=owner)
    into = f"--dbname={server.url('mdm')}"
    run(server, "pg_restore", "--exit-on-error", into, str(directory / "mdm.dump"))
    run(
        server,
        "pg_restore",
        "--exit-on-error",
        "--data-only",
        "--disable-triggers",
        into,
        str(directory / "mdm-keys.dump"),
    )
