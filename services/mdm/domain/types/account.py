"""The account: what a ledger's chart of accounts consists of."""

from collections.abc import Iterable

from concord.mdm.v1 import account_pb2
from services.mdm.domain.record_type import Coded, Group, RecordType, Reference, StrongIdentifier, keyed, single
from services.mdm.domain.referring import own_parents, qualified
from services.mdm.domain.violation import Violation


def _numbers(content: account_pb2.Account) -> Iterable[str]:
    """Give ledger and account number; separators in numbers tell accounts apart."""
    return qualified(content.ledger, content.account_number)


def _own_parents(content: account_pb2.Account) -> Iterable[Violation]:
    return own_parents(content.slices, content.ledger, content.account_number, "the account")


ACCOUNT = RecordType(
    name="account",
    singular="account",
    plural="accounts",
    collection="accounts",
    message=account_pb2.Account,
    service="concord.mdm.v1.AccountService",
    groups=(
        Group("identity", ("ledger", "account_number")),
        *single("type", "summary", "effective_period"),
        keyed("segments", "name"),
    ),
    slice_field="slices",
    slice_groups=(
        *single("display_name", "blocked_for_posting", "currency_code"),
        keyed("parents", "hierarchy"),
    ),
    period_field="effective_period",
    filterable=(
        *("ledger", "account_number", "type", "summary", "segments.name", "segments.value"),
        *("effective_period.start_date", "effective_period.end_date", "slices.display_name"),
        *("slices.blocked_for_posting", "slices.currency_code"),
        *("slices.parents.hierarchy", "slices.parents.parent_code"),
    ),
    known_by=("slices.display_name", "account_number"),
    searchable=("account_number",),
    identifiers=(StrongIdentifier("ledger_number", _numbers, exclusive=True),),
    identity=("ledger", "account_number"),
    references=(Reference("parents", target="account", key="parent_code", scope="parent_scope"),),
    coded=(Coded("slices.currency_code", "currencies"),),
    validators=(_own_parents,),
)
