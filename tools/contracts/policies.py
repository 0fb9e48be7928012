"""Every service, RPC, message and field says how it is governed."""

import datetime
import re
from collections.abc import Iterator

from concord.governance.v1 import options_pb2 as governance
from tools.contracts.image import Contracts, effective_policies
from tools.finding import Finding

# It declares the options, which can't be annotated with themselves.
VOCABULARY = "concord/governance/v1/options.proto"
_PERMISSION = re.compile(r"[a-z][A-Za-z]*(\.[a-z][A-Za-z_]*)+")


def incomplete_services(contracts: Contracts) -> Iterator[Finding]:
    """Find services without owners, lifecycle, data domain, or a deprecated one without its end."""
    for service in contracts.services.values():
        policy = service.proto.options.Extensions[governance.service]
        missing = [name for name in ("business_owner", "technical_owner", "lifecycle", "data_domain")
                   if not getattr(policy, name)]  # fmt: skip
        if policy.lifecycle == governance.LIFECYCLE_DEPRECATED and not _is_date(policy.sunset_date):
            missing.append("sunset_date (an ISO 8601 date)")
        for name in missing:
            message = f"{service.name} has no {name} in its service policy"
            yield Finding(service.path, service.line, "service-policy", message, service.name)


def incomplete_methods(contracts: Contracts) -> Iterator[Finding]:
    """Find RPCs whose policy lacks a part, or contradicts itself."""
    for method in contracts.methods.values():
        policy = method.proto.options.Extensions[governance.method]
        problems = [f"has no {name} in its method policy"
                    for name in ("layer", "permission", "audit", "idempotency", "interaction")
                    if not getattr(policy, name)]  # fmt: skip
        if policy.latency_objective.ToNanoseconds() <= 0:
            problems.append("has no latency_objective in its method policy")
        if policy.permission and not _PERMISSION.fullmatch(policy.permission):
            problems.append(f"needs a permission like mdm.suppliers.read, not {policy.permission!r}")
        changes_nothing = policy.idempotency == governance.IDEMPOTENCY_NO_SIDE_EFFECTS
        if policy.audit == governance.AUDIT_CATEGORY_MUTATION and changes_nothing:
            problems.append("is audited as a mutation but says that it has no side effects")
        if policy.audit == governance.AUDIT_CATEGORY_READ and policy.idempotency and not changes_nothing:
            problems.append("is audited as a read but says that it has side effects")
        for problem in problems:
            yield Finding(method.path, method.line, "method-policy", f"{method.name} {problem}", method.name)


def incomplete_messages(contracts: Contracts) -> Iterator[Finding]:
    """Find messages without the policy that their fields inherit."""
    for message in contracts.messages.values():
        policy = message.proto.options.Extensions[governance.message]
        missing = [name for name in ("treatment", "retention") if not getattr(policy, name)]
        if message.path.endswith(VOCABULARY) or not missing:
            continue
        text = f"{message.name} has no {', '.join(missing)} in its message policy"
        yield Finding(message.path, message.line, "message-policy", text, message.name)


def unclassified_fields(contracts: Contracts) -> Iterator[Finding]:
    """Find fields without a classification."""
    for field in contracts.fields.values():
        policy = field.proto.options.Extensions[governance.field]
        if policy.classification or field.path.endswith(VOCABULARY):
            continue
        yield Finding(field.path, field.line, "classification", f"{field.name} has no classification", field.name)


def homeless_fields(contracts: Contracts) -> Iterator[Finding]:
    """Find fields that are stored nobody says where; what lives as long as the call needs no residency."""
    for field, policy in effective_policies(contracts):
        stored = policy.retention != governance.RETENTION_TRANSIENT
        if stored and not policy.residency and not field.path.endswith(VOCABULARY):
            message = f"{field.name} is stored, but neither it nor its message has a residency"
            yield Finding(field.path, field.line, "residency", message, field.name)


def exposed_fields(contracts: Contracts) -> Iterator[Finding]:
    """Find RESTRICTED fields shown without clearance or sent to partners, and boundaries that name none."""
    for field, policy in effective_policies(contracts):
        restricted = policy.classification == governance.CLASSIFICATION_RESTRICTED
        if restricted and policy.treatment == governance.TREATMENT_SHOW:
            message = f"{field.name} is RESTRICTED and is shown without clearance"
            yield Finding(field.path, field.line, "restricted-shown", message, field.name)
        if restricted and governance.BOUNDARY_PARTNER in policy.boundaries:
            message = f"{field.name} is RESTRICTED and may go to partners"
            yield Finding(field.path, field.line, "restricted-to-partners", message, field.name)
        if governance.BOUNDARY_UNSPECIFIED in policy.boundaries:
            message = f"{field.name} lists the boundary UNSPECIFIED"
            yield Finding(field.path, field.line, "boundaries", message, field.name)


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True
