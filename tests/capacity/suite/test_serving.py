import os

from portdip.capacity.asking import enum_query
from portdip.capacity.suite import serving, tables


def test_a_server_tells_its_cpu_time_and_its_own_memory_and_ends_with_the_block(tmp_path):
    table = tables.make(20_000, 1, tmp_path)
    request = enum_query(int(table.numbers[0]))
    with serving.served(table.store, tmp_path, request, None) as server:
        processes = server.processes()
        assert len(processes) >= 2  # the parent and a worker
        before = server.cpu_total()
        assert serving.await_reply(server.ports["enum"], request)[:2] == request[:2]
        assert server.cpu_total() > before > 0
        assert 1 << 20 < server.private_bytes() < server.memory_bytes()
    assert not [pid for pid in processes if os.path.exists(f"/proc/{pid}")]


def test_settings_of_whoever_measures_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTDIP_ACCESS__UDP__CLIENTS", "[]")
    table = tables.make(20_000, 1, tmp_path)
    with serving.served(table.store, tmp_path, enum_query(int(table.numbers[0])), None) as server:
        assert server.process.poll() is None


def test_a_thread_goes_back_to_its_cores():
    before = os.sched_getaffinity(0)
    with serving.on_core(min(before)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
    with serving.on_core(None):
        assert os.sched_getaffinity(0) == before
