"""The report: figures as a table, each beside what has been promised."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.bench import programme
from tools.bench.figures import Figure
from tools.demo.story import table_lines

_WIDTH = 100
_HEADER = ("figure", "value", "unit", "ratio", "rate /s", "hub µs", "audit", "PostgreSQL", "client", "promised")


@dataclass(frozen=True)
class Promise:
    """What a figure has to be, in words and as a test."""

    words: str
    kept: Callable[[Figure], bool]


def _fast_and_steady(figure: Figure) -> bool:
    return figure.value >= 3000 and figure.also.get("rate_kept", 0) >= 0.8  # noqa: PLR2004 - promised


def _quick_and_complete(figure: Figure) -> bool:
    quick = figure.value <= 2 and figure.also.get("p99", 99) <= 8  # noqa: PLR2004 - promised, milliseconds
    return quick and figure.also.get("candidate_recall", 0) >= 0.99  # noqa: PLR2004 - promised


def _appends_in_batches(figure: Figure) -> bool:
    return figure.value >= 10_000 and (figure.ratio or 99) <= 1.2  # noqa: PLR2004 - promised


def _receipts_soon(figure: Figure) -> bool:
    soon = figure.also.get("receipt_p99", 99) <= 40  # noqa: PLR2004 - promised, milliseconds
    return soon and figure.value >= 2_000 and (figure.ratio or 99) <= 1.2  # noqa: PLR2004 - promised


PROMISES = {
    programme.GET: Promise("ratio ≥ 0.35", lambda figure: (figure.ratio or 0) >= 0.35),  # noqa: PLR2004 - promised
    programme.UPDATE: Promise("ratio ≥ 0.20", lambda figure: (figure.ratio or 0) >= 0.20),  # noqa: PLR2004 - promised
    programme.INGESTION: Promise("≥ 2,000", lambda figure: figure.value >= 2000),  # noqa: PLR2004 - promised
    programme.FEED: Promise("≤ 100 ms", lambda figure: figure.value <= 100),  # noqa: PLR2004 - promised
    programme.BULK: Promise("≥ 3,000, kept ≥ 0.8", _fast_and_steady),
    programme.MATCH: Promise("p50 ≤ 2, p99 ≤ 8 ms, recall ≥ 0.99", _quick_and_complete),
    programme.BATCHES: Promise("≥ 10,000, ratio ≤ 1.2", _appends_in_batches),
    programme.SINGLES: Promise("≥ 2,000, p99 ≤ 40 ms, ratio ≤ 1.2", _receipts_soon),
    programme.PROOF: Promise("< 2 ms", lambda figure: figure.value < 2),  # noqa: PLR2004 - promised
    programme.SECOND: Promise("ratio ≤ 1.15", lambda figure: (figure.ratio or 99) <= 1.15),  # noqa: PLR2004 - promised
}


def lines(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the table of figures."""
    yield from table_lines(_HEADER, [_row(figure) for figure in figures], _WIDTH)


def _row(figure: Figure) -> list[str]:
    costs = figure.costs
    told = [f"{each:.0f}" for each in (costs.service, costs.audit, costs.postgres)] if costs else ["", "", ""]
    busy = f"{costs.busy:.0%}" if costs else ""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    rate = "" if figure.rate is None else f"{figure.rate:,.0f}"
    unit = figure.unit.partition(" ")[0]
    value = f"{figure.value:.2f}" if figure.value < 10 else f"{figure.value:,.0f}"  # noqa: PLR2004 - two digits of it
    return [figure.name, value, unit, ratio, rate, *told, busy, _promise(figure)]


def _promise(figure: Figure) -> str:
    promise = PROMISES.get(figure.name)
    if promise is None:
        return ""
    return f"{promise.words} {'✓' if promise.kept(figure) else '✗'}"
