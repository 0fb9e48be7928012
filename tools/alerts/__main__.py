"""Check the alerts: `python -m tools.alerts [--require-promtool]`.

Each has a severity, a page in docs/runbooks, a test that it fires in and one that it does not, and asks for metrics
that there are. promtool then checks the rules and runs the tests. The exit status is 1 when something is wrong; where
promtool is not to be had that is said, and is wrong only with `--require-promtool`.
"""

import argparse
import sys

from tools.alerts.check import check_alerts
from tools.alerts.promtool import find_promtool, run_promtool
from tools.alerts.rules import alerts
from tools.finding import report

_MISSING = """
!!! promtool is not installed, and Debian's package `prometheus` can't be fetched: NO ALERT RULE WAS TESTED.
!!! Install it (apt-get install prometheus), or put promtool on the PATH.
"""


def main() -> int:
    """Check everything and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.alerts", description="Check the alerts and run their tests.")
    parser.add_argument("--require-promtool", action="store_true", help="fail where promtool is not to be had")
    arguments = parser.parse_args()
    status = report(check_alerts(), what="the alerts", as_json=False)
    promtool = find_promtool()
    if promtool is None:
        print(_MISSING)
        return max(status, int(arguments.require_promtool))
    failures = run_promtool(promtool)
    for failure in failures:
        print(failure)
    print(f"  {len(alerts())} alerts, promtool: {'FAILED' if failures else 'every rule test passed'}")
    return max(status, int(bool(failures)))


if __name__ == "__main__":
    sys.exit(main())
