"""What went wrong, told so that a person can mend it: what happened, the reason's name, the fields, and the fix."""

from collections.abc import Iterator, Mapping
from typing import Any

from clients.cli.connection.mesh import RefusedError
from clients.cli.mistake import Mistake
from services.mesh.errors import ConcordError

OK, REFUSED, MISTAKEN, UNREACHABLE, NOT_LOGGED_IN, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""The exit statuses of `concord`."""

# The transport's own words, under which no service of ours has answered.
_TRANSPORT = "grpc_code"
_UNREACHABLE_CODES = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}

# What to do about a reason, as a person would be told; in braces what the error's metadata says.
_FIXES: Mapping[str, str] = {
    "ATTRIBUTE_NOT_AUTHORED": "leave out {field}, or have the registration of {system} allow it",
    "AUDIT_BEHIND": "nothing was changed, since money follows it and the audit lags; repeat later",
    "AUDIT_RECEIPT_PENDING": "the change stands, its evidence follows: concord audit gaps, or concord audit reconcile",
    "AUTHOR_REQUIRED": "{author} gives it up; decide against it: concord change-requests reject {name}",
    "CHANGE_REQUEST_CONFLICT": "concord change-requests compare {name}; choose with --wanted or --present VALUE",
    "CHANGE_REQUEST_OUTDATED": "concord change-requests rebase {name}, then decide again",
    "CONCURRENT_CHANGE": "others changed the same records; repeat the command",
    "CONSTRAINT_VIOLATED": "correct the fields above",
    "CREDENTIALS_EXPIRED": "the token ended at {expired_at}: concord login",
    "CREDENTIALS_INVALID": "concord whoami shows the token that was sent; get another one: concord login",
    "CREDENTIALS_MISSING": "concord login",
    "CURSOR_EXPIRED": "list the records once, then watch from now on, without --cursor",
    "DEADLINE_TOO_SHORT": "repeat the command; ask for less at once with --limit or --filter",
    "DEPENDENCY_UNAVAILABLE": "repeat the command in a while; the service's log says what it waits for",
    "ETAG_MISMATCH": "it changed since you read it: concord get {name}, decide again, repeat",
    "EXTERNAL_REFUSED": "{system} refuses it for good: correct the record, or the system",
    "EXTERNAL_UNAVAILABLE": "{system} does not answer: concord sync state {system}",
    "FIELD_NOT_FILTERABLE": "filter and sort by another field than {field}",
    "FIELD_NOT_WRITABLE": "leave {field} out: it is derived, or has a command of its own",
    "INTERNAL_FAILURE": "a defect: report the correlation id {correlation_id}",
    "INVALID_CONTENT": "correct the fields above",
    "INVALID_CURSOR": "the cursor is of another mesh; watch without --cursor",
    "INVALID_FILTER": "examples: concord list --help; fields: concord types TYPE",
    "INVALID_NAME": "check the name: {pattern}",
    "INVALID_PAGE_SIZE": "name a --limit above 0",
    "INVALID_PAGE_TOKEN": "repeat the command from the beginning",
    "INVALID_READ_TIME": "name a time between the first change and now",
    "LEAF_CONFLICT": "an alarm: two different pieces of evidence for one revision; tell the audit's owner",
    "LOG_CONTRADICTS_WITNESS": "an alarm: {witness} has seen another log; tell the audit's owner",
    "LOG_INCONSISTENT": "an alarm: the audit's database is not what it has signed; tell the audit's owner",
    "LOG_QUEUE_FULL": "the audit has more to write than it can; repeat later",
    "MAPPING_FAILED": "correct {field} in the system, or: concord quarantine replay NAME --corrected FILE",
    "MESSAGE_TOO_LARGE": "ask for less at once, with --limit or --filter",
    "MALFORMED_MESSAGE": "this concord is older than the service: install the one that belongs to it",
    "MATCH_CANDIDATE_CLAIMED": "{claimant} is at work on it; take another, or ask them",
    "MATCH_DECISION_STANDS": "ask who decided so; to decide otherwise: --withdraw-decisions",
    "METHOD_NOT_GOVERNED": "the service does not offer this: is the target the right one, and new enough?",
    "NOT_IN_EFFECT": "choose another --effective-time, or leave it out to see every slice",
    "OVERLOADED": "the service has more calls than it can serve; repeat later",
    "PERMISSION_MISSING": "ask for the permission {permission}, or use another --context",
    "PROPOSAL_INVALID": "see what stands in the way: concord tree compare NAME",
    "PROPOSAL_SETTLED": "it was decided on or withdrawn before; make a new one",
    "QUARANTINED_RECORD_SETTLED": "nothing is left to do: concord quarantine show {name}",
    "RECORDS_LINKED": "part them: concord unmerge SOURCE_RECORD",
    "RECORD_ALONE": "nothing is left to do: {golden_record} is its own",
    "RECORD_DELETED": "bring it back first: concord undelete {name}",
    "RECORD_ERASED": "nothing of it is left; its evidence: concord audit record {name}",
    "RECORD_EXISTS": "use what there is: concord get {name}",
    "RECORD_HELD": "have the hold released first: concord holds release {hold}",
    "RECORD_MERGED": "decide on the record that it goes on in: concord get {merged_into}",
    "RECORD_NOT_DELETED": "have somebody else delete it first: concord delete {name}",
    "RECORD_NOT_FOUND": "check the name; what lies outside your entities is not shown: concord whoami",
    "RECORD_STILL_REFERENCED": "move what depends on it first; {references} records do",
    "REQUEST_ID_REUSED": "repeat with another request id",
    "SECOND_PERSON_REQUIRED": "have somebody else than its author do this",
    "SHUTTING_DOWN": "repeat the command",
    "SLOW_CONSUMER": "watch again from the last cursor",
    "SOURCE_NOT_OWNED": "call as {source_service}, by its certificate or client_id: nobody else appends its leaves",
    "SPOOL_FULL": "changes are refused until the audit has caught up; repeat later",
    "STREAMS_EXHAUSTED": "too many are watching; repeat later",
    "STRONG_IDENTIFIER_TAKEN": "it is there already: concord get {name}",
    "SYNC_PAUSED": "concord sync resume {system}",
    "SYSTEM_NOT_OWNED": "use a context that may submit for {system}",
    "SYSTEM_UNKNOWN": "concord systems list shows the systems that there are",
    "TOO_MANY_CHANGES": "it would change more than {most} records at once; do it in parts",
    "UNKNOWN_FIELD": "there is no field {field}: concord types TYPE lists them",
    "UNKNOWN_RECORD_TYPE": "concord types lists the types that there are",
}


def exit_status(error: ConcordError) -> int:
    """Return what `concord` exits with after this error."""
    if error.metadata.get(_TRANSPORT) in _UNREACHABLE_CODES:
        return UNREACHABLE
    return NOT_LOGGED_IN if error.reason_name.startswith("CREDENTIALS_") else REFUSED


def describe(refused: RefusedError) -> Iterator[str]:
    """Yield the lines that tell a refusal: what, which fields, what first, what to do."""
    error = refused.error
    if exit_status(error) == UNREACHABLE:
        yield f"error: {refused.target} does not answer: {error.message}"
    else:
        yield f"error: {error.message or 'the call was refused'} ({error.reason_name})"
    yield from (f"  {broken.field or 'request'}: {broken.description}" for broken in error.violations)
    for condition in error.preconditions:
        yield f"  {condition.subject}: {condition.description}".rstrip(": ")
    yield f"fix: {fix(refused)}"


def fix(refused: RefusedError) -> str:
    """Say what to do about a refusal."""
    error = refused.error
    if exit_status(error) == UNREACHABLE:
        return "does the service run, and does concord config show name its address, --plaintext or --ca-file?"
    known = _Known({"reason": error.reason_name, **_named(error), **error.metadata})
    told = _template(error, known).format_map(known)
    if error.retry_after is not None:
        told += f" (in {max(error.retry_after.total_seconds(), 1):.0f} s)"
    return told


def as_document(refused: RefusedError) -> dict[str, Any]:
    """Return a refusal for programs."""
    error = refused.error
    document: dict[str, Any] = {
        "reason": error.reason_name,
        "code": error.code.name,
        "message": error.message,
        "method": refused.method,
        "target": refused.target,
        "metadata": dict(error.metadata),
        "violations": [
            {"field": one.field, "description": one.description, "rule": one.reason} for one in error.violations
        ],
        "preconditions": [
            {"kind": one.kind, "subject": one.subject, "description": one.description} for one in error.preconditions
        ],
        "fix": fix(refused),
        "exit_status": exit_status(error),
    }
    if error.retry_after is not None:
        document["retry_after_seconds"] = error.retry_after.total_seconds()
    return {"error": document}


def mistake_document(mistake: Mistake) -> dict[str, Any]:
    """Return a mistake on the command line for programs."""
    told = {"reason": "USAGE", "message": mistake.message, "fix": mistake.hint, "exit_status": MISTAKEN}
    return {"error": told}


def _template(error: ConcordError, known: Mapping[str, str]) -> str:
    if error.reason_name == "PERMISSION_MISSING" and "entities" in known:
        return "you have it for your own entities: ask for {permission} for every entity, or use another --context"
    if error.reason_name == "RECORD_DELETED" and known.get("name", "").startswith("pins/"):
        return "nothing is left to do: concord get {name}"
    return _FIXES.get(error.reason_name, "see error_reason.proto for {reason}")


def _named(error: ConcordError) -> dict[str, str]:
    fields = [violation.field for violation in error.violations if violation.field]
    named = {"field": ", ".join(fields)} if fields else {}
    if error.resource is not None:
        kind, name = error.resource
        named |= {"name": name, kind: name}
    return named


class _Known(dict[str, str]):
    """What an error tells; what it does not is shown by its own name."""

    def __missing__(self, key: str) -> str:
        return key.upper()
