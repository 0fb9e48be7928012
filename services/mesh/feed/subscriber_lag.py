"""How far the feed's subscribers are behind, as a gauge: those whose streams this process serves."""

from collections.abc import Iterator

from opentelemetry.metrics import Meter

from services.mesh.feed.news import News
from services.mesh.feed.slow_consumers import SlowConsumers
from services.mesh.metrics.calls import BoundedSet
from services.mesh.metrics.gauge import Gauge, Point, observe

LAG = Gauge("concord.feed.subscriber.lag", "{change}", "Published changes that a subscriber has not been handed yet.")


def show_subscribers(meter: Meter, subscribers: SlowConsumers, news: News) -> None:
    """Show of each client the stream that is furthest behind."""
    clients = BoundedSet()

    def points() -> Iterator[Point]:
        newest, furthest = news.newest, dict[str, int]()
        for client, position in subscribers.positions():
            known = clients.known(client)
            furthest[known] = max(furthest.get(known, 0), newest - position)
        for client, behind in furthest.items():
            yield Point(LAG, behind, {"client": client})

    observe(meter, [LAG], points)
