"""Write Grafana's dashboards: `python -m tools.dashboards`. What is written is committed; a test compares the two."""

import json
import sys
from pathlib import Path

from tools.alerts.rules import ROOT
from tools.dashboards.declared import DASHBOARDS
from tools.dashboards.panel import Dashboard, rendered

FOLDER = ROOT / "deploy" / "k8s" / "components" / "grafana" / "dashboards"


def file_of(dashboard: Dashboard) -> Path:
    """Return the file that a dashboard lies in."""
    return FOLDER / f"{dashboard.name}.json"


def written(dashboard: Dashboard) -> str:
    """Return a dashboard as it lies in its file."""
    return json.dumps(rendered(dashboard), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write every dashboard and return the exit status."""
    for dashboard in DASHBOARDS:
        file_of(dashboard).write_text(written(dashboard))
    print(f"{len(DASHBOARDS)} dashboards written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
