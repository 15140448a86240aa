"""What all workers counted, as Prometheus reads it. Any worker tells of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from portdip.access._responder import OUTCOMES
from portdip.access.counters import LATENCY_BUCKETS, PROTOCOLS, Counters

#: What else is counted of each protocol: the metric, what it is, and for each value of its label the column.
_COUNTED = (
    ("portdip_refused", "Requests that were not answered as asked.", "reason", {
        "source": "dropped_source",
        "rate": "dropped_rate",
        "reply_rate": "limited",
        "unauthorized": "unauthorized",
        "too_many": "too_many",
    }),
    ("portdip_shed", "Requests given up because there was too much to do.", "reason", {
        "waited": "shed",
        "kernel_buffer": "overflowed",
        "overloaded": "overloaded",
    }),
    ("portdip_bytes", "Bytes of requests and replies.", "direction", {"in": "bytes_in", "out": "bytes_out"}),
)  # fmt: skip
_PLAIN = (
    ("portdip_requests", "Requests that came.", "received"),
    ("portdip_replies", "Replies that went out.", "replied"),
    ("portdip_slipped", "Replies over the limit of equal ones, sent truncated.", "slipped"),
    ("portdip_network_errors", "Replies that the network did not take, and errors of sockets.", "errors"),
)
#: Of the state of a worker: the metric, what it is, the field and the unit it is divided by.
_STATE = (
    ("portdip_worker_ready", "Whether the worker answers.", "ready", 1),
    ("portdip_sequence", "The state of the table that the worker answers from.", "sequence", 1),
    ("portdip_lag_seconds", "How long it may have missed changes; -1: not known.", "lag", 1e3),
    ("portdip_as_of_timestamp_seconds", "The newest change that it knows of.", "as_of", 1e6),
    ("portdip_heartbeat_timestamp_seconds", "When it last said anything.", "heartbeat", 1e6),
    ("portdip_started_timestamp_seconds", "When it began.", "started", 1e6),
)


class ServiceCollector(Collector):
    """The counters of a service, read anew at every scrape."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        totals = {protocol: self._counters.total(protocol) for protocol in PROTOCOLS}
        for name, says, column in _PLAIN:
            family = CounterMetricFamily(name, says, labels=["protocol"])
            for protocol, total in totals.items():
                family.add_metric([protocol], total[column])
            yield family
        columns = {outcome: outcome for outcome in OUTCOMES}
        for name, says, label, named in (("portdip_dips", "Answers by what they say.", "status", columns), *_COUNTED):
            family = CounterMetricFamily(name, says, labels=["protocol", label])
            for protocol, total in totals.items():
                for value, column in named.items():
                    family.add_metric([protocol, value], total[column])
            yield family
        yield self._latency()
        yield from self._states()

    def _latency(self) -> Metric:
        family = HistogramMetricFamily(
            "portdip_latency_seconds",
            "From a request's arrival to its reply; of HTTP, single dips.",
            labels=["protocol"],
        )
        for protocol in PROTOCOLS:
            counts = self._counters.latency(protocol).tolist()
            family.add_metric([protocol], buckets=list(_cumulative(counts)), sum_value=None)
        return family

    def _states(self) -> Iterator[Metric]:
        present = self._counters.present()
        for name, says, field, unit in _STATE:
            family = GaugeMetricFamily(name, says, labels=["worker"])
            for worker, state in present:
                family.add_metric([str(worker)], getattr(state, field) / unit)
            yield family


def _cumulative(counts: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Buckets by upper bound in seconds: bucket b counts what took less than 2^(b+1) nanoseconds, the last the rest."""
    so_far = 0
    for place, count in enumerate(counts):
        so_far += count
        yield ("+Inf" if place == LATENCY_BUCKETS - 1 else repr(2 ** (place + 1) / 1e9)), so_far
