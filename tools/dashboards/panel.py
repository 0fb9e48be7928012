"""Panels and dashboards, and the JSON that Grafana reads of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SCHEMA = 39
_WIDTH = 24
_HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """A chart of expressions over time, each with its legend; `unit` as Grafana calls it: s, percentunit, short."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    told: str = ""
    """What one has to know to read it."""
    width: int = 8


@dataclass(frozen=True)
class Dashboard:
    """Panels in rows, by the rows' titles."""

    name: str
    title: str
    told: str
    rows: Sequence[tuple[str, Sequence[Panel]]]


def rendered(dashboard: Dashboard) -> dict[str, Any]:
    """Return what Grafana reads. Nothing in it depends on a clock or on chance."""
    return {
        "uid": f"concord-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.told,
        "tags": ["concord"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": _laid_out(dashboard),
    }


def _laid_out(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Place panels from left to right, a line below the other, each row under its title."""
    placed: list[dict[str, Any]] = []
    y = 0
    for title, panels in dashboard.rows:
        place = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
        placed.append({"id": len(placed) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        x, y = 0, y + 1
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y = 0, y + _HEIGHT
            place = {"x": x, "y": y, "w": panel.width, "h": _HEIGHT}
            placed.append(_panel(len(placed) + 1, panel, place))
            x += panel.width
        y += _HEIGHT
    return placed


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.told,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }
