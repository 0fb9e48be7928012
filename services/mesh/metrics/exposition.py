"""The page that Prometheus reads: the meters of one process, its processor and memory, its build."""

import importlib.metadata
import sys
from typing import Any

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.metrics_core import InfoMetricFamily
from prometheus_client.registry import Collector

from services.mesh.metrics.calls import BOUNDS_S, FIRST_MESSAGES

SCOPE = "concord"
_DISTRIBUTION = "concord"
_UNRELEASED = "unreleased"


class Exposition:
    """Serves the metrics of one process by HTTP, on a port of their own; port 0 takes a free one."""

    def __init__(self, service: str, host: str, port: int) -> None:
        """Begin to serve. Raises OSError for an address that can't be had."""
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Build(service))
        # Who asks knows the process and the service; a scope of ours would be one more label on every line.
        reader = PrometheusMetricReader(registry=registry, disable_target_info=True, scope_info_enabled=False)
        aggregation = ExplicitBucketHistogramAggregation(boundaries=BOUNDS_S)
        view = View(instrument_name=FIRST_MESSAGES, aggregation=aggregation)
        self._provider = MeterProvider([reader], views=[view], shutdown_on_exit=False)
        self._server: Any
        self._server, _ = start_http_server(port, addr=host, registry=registry)

    @property
    def meter(self) -> metrics.Meter:
        """What instruments are made with."""
        return self._provider.get_meter(SCOPE)

    @property
    def port(self) -> int:
        """The port that is served on."""
        port: int = self._server.server_port
        return port

    def show(self, collector: Collector) -> None:
        """Serve what a collector counts, too."""
        self._registry.register(collector)

    def shutdown(self) -> None:
        """Serve no more."""
        self._provider.shutdown()
        self._server.shutdown()
        self._server.server_close()


class _Build:
    """A collector of one sample that says what is running."""

    def __init__(self, service: str) -> None:
        self._family = InfoMetricFamily("concord_build", "Which service this is, and what it was built from.")
        self._family.add_metric([], {"service": service, "version": _version(), "python": sys.version.split()[0]})

    def collect(self) -> list[InfoMetricFamily]:
        return [self._family]


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return _UNRELEASED
