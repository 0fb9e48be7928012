"""The bench's arithmetic: processor time, medians, ratios, percentiles, and what is written of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.bench.figures import Costs, Figure, Round, percentile, write
from tools.bench.load import Load
from tools.bench.processor_time import ProcessorTime, of_processes, of_tree
from tools.bench.requests import submissions
from tools.bench.trial import LONGEST_DRAIN_S

# More than is asked for below: the kernel tells whole ticks of 10 ms, user and system apart, of parent and children.
SPIN = "import time\nwhile time.process_time() < 0.25: pass\nprint('done', flush=True)\ninput()"


def spent(calls: int, service: float) -> Round:
    return Round(calls, ProcessorTime(service, audit=service / 2, postgres=service / 4), rate=calls / 2, busy=0.1)


def test_costs_are_medians_of_what_each_round_spent_per_call() -> None:
    costs = Costs.of([spent(1000, 0.1), spent(1000, 0.9), spent(2000, 0.4)])
    assert (costs.service, costs.audit, costs.postgres) == (200.0, 100.0, 50.0)
    assert costs.rate == 500


def test_a_slower_call_has_a_lower_ratio() -> None:
    yardstick, before, after = (Costs.of([spent(1000, used)]) for used in (0.1, 0.2, 0.4))
    assert yardstick.service / before.service == pytest.approx(0.5)
    assert yardstick.service / after.service == pytest.approx(0.25)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.99)


def test_figures_are_written_by_name_without_what_they_do_not_have(tmp_path: Path) -> None:
    costs = Costs.of([spent(1000, 0.2)])
    figures = [
        Figure("get_supplier", 200.0, "us of processor time per call", "empty_rpc", 0.5, 500.0, costs),
        Figure("feed_p99", 41.0, "ms", rate=100.0, also={"maximal_rate": 200.0}),
    ]
    write(figures, tmp_path / "build" / "bench.json")
    told = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert told["get_supplier"]["of"] == "empty_rpc"
    assert told["get_supplier"]["ratio"] == 0.5
    assert told["get_supplier"]["postgres_us"] == 50.0
    assert told["feed_p99"] == {"value": 41.0, "unit": "ms", "rate": 100.0, "maximal_rate": 200.0}


def test_processor_time_is_what_the_process_computed() -> None:
    with subprocess.Popen([sys.executable, "-c", SPIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as spinning:
        assert spinning.stdin is not None
        assert spinning.stdout is not None
        spinning.stdout.readline()
        assert 0.19 <= of_processes([spinning.pid]) < 1.0
        spinning.stdin.close()


def test_processor_time_of_a_tree_counts_children_that_have_ended() -> None:
    before = of_tree(os.getpid())
    subprocess.run([sys.executable, "-c", SPIN], input=b"\n", capture_output=True, check=True)
    assert of_tree(os.getpid()) - before >= 0.19


def test_a_load_is_read_as_it_was_written_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    load = Load("127.0.0.1:1", "/a/B", "token", [b"\x00\xff", b""], [b"x", b""], window=3, rate=2.5)
    load.write(tmp_path / "load.json")
    assert Load.read(tmp_path / "load.json") == load
    assert (tmp_path / "load.json").stat().st_mode & 0o077 == 0


def test_submissions_are_distinct() -> None:
    assert len({*submissions(1, 500), *submissions(501, 500)}) == 1000


def test_a_round_pays_for_its_receipts_within_a_second() -> None:
    assert LONGEST_DRAIN_S == 1.0
