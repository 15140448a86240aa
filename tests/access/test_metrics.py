"""What Prometheus reads is what was counted, over all workers."""

import math

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from portdip.access.counters import LATENCY_BUCKETS, NAMES, PROTOCOLS, Counters, State
from portdip.access.metrics import ServiceCollector


def scraped(counters):
    registry = CollectorRegistry()
    registry.register(ServiceCollector(counters))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, *(value for key, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_counter_of_every_protocol_is_told():
    counters = Counters(2)
    for place, protocol in enumerate(PROTOCOLS):
        for worker in range(2):
            for column in range(len(NAMES)):
                counters.row(worker, protocol)[column] = 1000 * place + 10 * column + worker
    found = scraped(counters)
    told = {value for key, value in found.items() if key[0].endswith("_total")}
    for place in range(len(PROTOCOLS)):
        for column, name in enumerate(NAMES):
            assert 2 * (1000 * place + 10 * column) + 1 in told, name
    assert found["portdip_dips_total", "http", "ported"] == 2 * 10 * NAMES.index("ported") + 1
    assert found["portdip_bytes_total", "in", "http"] == 2 * 10 * NAMES.index("bytes_in") + 1


def test_the_latency_is_a_cumulative_histogram_in_seconds():
    counters = Counters(1)
    latency = counters.row(0, "pdb")[len(NAMES) :]
    latency[10], latency[20], latency[LATENCY_BUCKETS - 1] = 5, 3, 1
    buckets = {
        float(key[1]): value
        for key, value in scraped(counters).items()
        if key[0] == "portdip_latency_seconds_bucket" and key[2] == "pdb"
    }
    assert len(buckets) == LATENCY_BUCKETS
    assert buckets[2**10 / 1e9] == 0
    assert buckets[2**11 / 1e9] == 5
    assert buckets[2**21 / 1e9] == 8
    assert buckets[math.inf] == 9


def test_what_workers_say_of_themselves():
    counters = Counters(2)
    counters.set_state(1, State(7, 1, 42, 1500, 2_000_000, 3_000_000, 1_000_000))
    found = scraped(counters)
    assert found["portdip_sequence", "1"] == 42
    assert found["portdip_lag_seconds", "1"] == 1.5
    assert found["portdip_as_of_timestamp_seconds", "1"] == 2
    assert found["portdip_worker_ready", "1"] == 1
    assert ("portdip_worker_ready", "0") not in found
