r"""Filters and sort orders of lists: a subset of AIP-160, read into expressions.

    expression = sequence, such as  status = ACTIVE AND (code : "10*" OR code = 200) AND NOT website : *
    operators    = != < <= > >= and : (has; with a trailing * it asks for a beginning, * alone for presence)
    literals     bare (to the next space, comma, quote, parenthesis or comparison sign) or quoted by " or ' with the
                 escapes \\, \" and \'
    precedence   NOT and -, then OR, then AND, as AIP-160 has it: `a AND b OR c` is `a AND (b OR c)`

Not in the subset: functions, literals without a path, terms side by side without AND. What a path or a literal means
is for whoever evaluates the expression.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation

LONGEST_TEXT = 4096
MOST_COMPARISONS = 100
DEEPEST_NESTING = 16
MOST_ORDERS = 8

_SPACE = re.compile(r"\s*")
_NOT = re.compile(r"NOT(?![\w.])|-")
_AND = re.compile(r"AND(?![\w.])")
_OR = re.compile(r"OR(?![\w.])")
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_OPERATOR = re.compile(r"!=|<=|>=|[=<>:]")
_BARE = re.compile(r"[^\s()\"',=<>!]+")
_QUOTED = re.compile(r""""(?:[^"\\]|\\["'\\])*"|'(?:[^'\\]|\\["'\\])*'""")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ORDER = re.compile(r"\s*(?P<path>[^\s,]+)(?:\s+(?P<desc>desc))?\s*(?:,|$)")
_KEYWORDS = frozenset({"AND", "OR", "NOT"})


@dataclass(frozen=True)
class Comparison:
    """A field compared with a literal; `operator` is one of = != < <= > >= and `:`."""

    path: str
    operator: str
    literal: str


@dataclass(frozen=True)
class And:
    """Every one of two or more parts holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class Or:
    """At least one of two or more parts holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: "Expression"


Expression: TypeAlias = Comparison | And | Or | Not


@dataclass(frozen=True)
class Order:
    """One key of a sort order."""

    path: str
    descending: bool = False


def parse_filter(text: str) -> Expression | None:
    """Read a filter; None for a blank one, which every record passes.

    Raises ConcordError INVALID_FILTER; its metadata `position` is the first wrong character, counted from 1.
    """
    reader = _Reader(text)
    if len(text) > LONGEST_TEXT:
        reader.fail(f"a filter has at most {LONGEST_TEXT} characters", LONGEST_TEXT)
    if "\0" in text:
        reader.fail("a filter holds no NUL character", text.index("\0"))
    if reader.at_end():
        return None
    expression = reader.expression(0)
    if not reader.at_end():
        reader.fail("expected AND, OR or the end of the filter")
    return expression


def parse_order(text: str) -> tuple[Order, ...]:
    """Read a sort order: paths parted by commas, each with an optional ` desc`; () for a blank one.

    Raises ConcordError INVALID_FILTER, with a violation of `order_by`, also for a path that comes twice.
    """
    orders: dict[str, Order] = {}
    at = 0
    while text.strip() and (at < len(text) or text.rstrip().endswith(",")):
        found = _ORDER.match(text, at)
        if found is None or not _PATH.fullmatch(found["path"]):
            raise _invalid("order_by", "expected a field path with an optional desc", at)
        if found["path"] in orders or len(orders) == MOST_ORDERS:
            raise _invalid("order_by", f"sorts by at most {MOST_ORDERS} fields, each once", at)
        orders[found["path"]] = Order(found["path"], found["desc"] is not None)
        at = found.end()
    return tuple(orders.values())


def render(expression: Expression) -> str:
    """Write an expression so that `parse_filter` reads the same again (within its bounds)."""
    match expression:
        case Comparison(path, operator, literal):
            return f"{path} {operator} {_quoted(literal)}"
        case And(parts):
            return " AND ".join(_nested(part) for part in parts)
        case Or(parts):
            return " OR ".join(_nested(part) for part in parts)
        case Not(Not() as part):
            return f"NOT ({render(part)})"
        case Not(part):
            return f"NOT {_nested(part)}"


def _nested(part: Expression) -> str:
    return f"({render(part)})" if isinstance(part, And | Or) else render(part)


def _quoted(literal: str) -> str:
    escaped = literal.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Reader:
    """Reads one filter from left to right, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._comparisons = 0

    def expression(self, depth: int) -> Expression:
        if depth > DEEPEST_NESTING:
            self.fail(f"a filter nests at most {DEEPEST_NESTING} deep")
        return self._joined(_AND, And, lambda: self._factor(depth))

    def at_end(self) -> bool:
        self._take(_SPACE)
        return self._at == len(self._text)

    def fail(self, expectation: str, at: int | None = None) -> NoReturn:
        raise _invalid("filter", expectation, self._at if at is None else at)

    def _factor(self, depth: int) -> Expression:
        return self._joined(_OR, Or, lambda: self._term(depth))

    def _joined(
        self, keyword: re.Pattern[str], kind: type[And] | type[Or], read: Callable[[], Expression]
    ) -> Expression:
        parts = [read()]
        while self._take(keyword):
            parts.append(read())
        return kind(tuple(parts)) if len(parts) > 1 else parts[0]

    def _term(self, depth: int) -> Expression:
        return Not(self._simple(depth)) if self._take(_NOT) else self._simple(depth)

    def _simple(self, depth: int) -> Expression:
        if not self._take_sign("("):
            return self._comparison()
        inner = self.expression(depth + 1)
        if not self._take_sign(")"):
            self.fail("expected AND, OR or a closing parenthesis")
        return inner

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            self.fail(f"a filter has at most {MOST_COMPARISONS} comparisons")
        path = self._take(_PATH, but_not=_KEYWORDS)
        if not path:
            self.fail("expected a field path")
        operator = self._take(_OPERATOR)
        if not operator:
            self.fail("expected one of = != < <= > >= :")
        return Comparison(path, operator, self._literal())

    def _literal(self) -> str:
        if quoted := self._take(_QUOTED):
            return _ESCAPE.sub(r"\1", quoted[1:-1])
        bare = self._take(_BARE, but_not=_KEYWORDS)
        if not bare:
            self.fail("expected a literal, bare or in quotes with the escapes \\\\, \\\" and \\'")
        return bare

    def _take_sign(self, sign: str) -> bool:
        return bool(self._take(re.compile(re.escape(sign))))

    def _take(self, pattern: re.Pattern[str], but_not: frozenset[str] = frozenset()) -> str:
        """Pass over white space and what the pattern matches, and return the latter; "" when nothing matches."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        found = pattern.match(self._text, self._at)
        if found is None or found.group() in but_not:
            return ""
        self._at = found.end()
        return found.group()


def _invalid(field: str, expectation: str, at: int) -> ConcordError:
    position = at + 1
    message = f"{expectation}, at character {position}"
    return ConcordError(
        reasons.ERROR_REASON_INVALID_FILTER,
        message,
        metadata={"position": str(position)},
        violations=[FieldViolation(field, message, "INVALID_FILTER")],
    )
