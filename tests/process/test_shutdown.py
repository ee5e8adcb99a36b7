"""Signals: what is open finishes, nothing new begins, nothing is left behind."""

from __future__ import annotations

import signal
import threading
import time

from tests.gateway_process import gateway_before_simulator, runs, wait_until
from tests.ports import is_refused
from tests.process.stream import Stream


def test_sigterm_lets_streams_finish_refuses_new_requests_and_ends_with_0() -> None:
    with gateway_before_simulator(workers=2) as (gateway, _):
        kept_alive = Stream(gateway.url, close=False)
        kept_alive.read_until(b"0\r\n\r\n")
        stream = Stream(gateway.url, fault="stall-after=3:2")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.ready()[1].get("reason") == "draining", what="/readyz")
        assert gateway.ready()[0] == 503
        wait_until(lambda: is_refused(gateway.port), what="refused connections")
        stream.read_to_end()

        assert stream.is_whole
        assert gateway.wait() == 0
        assert [event["outcome"] for event in gateway.events("exchange")] == ["completed", "completed"]
        kept_alive.socket.close()


def test_what_is_open_after_the_grace_period_is_cut_and_booked() -> None:
    with gateway_before_simulator(config={"grace_period_s": 0.5}) as (gateway, _):
        stream = Stream(gateway.url, fault="hold-after=3")
        stream.read_until(b"event:")
        began_s = time.monotonic()
        gateway.signal(signal.SIGTERM)
        stream.read_to_end()

        assert gateway.wait() == 0
        assert time.monotonic() - began_s < 3.0
        assert not stream.is_whole
        assert [event["outcome"] for event in gateway.events("exchange")] == ["gateway_error"]


def test_the_second_signal_ends_it_at_once() -> None:
    with gateway_before_simulator() as (gateway, _):
        stream = Stream(gateway.url, fault="hold-after=3")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGINT)
        wait_until(lambda: gateway.events("draining"), what="the first signal's effect")
        began_s = time.monotonic()
        gateway.signal(signal.SIGINT)
        code = gateway.wait()

        assert code == 128 + signal.SIGINT
        assert time.monotonic() - began_s < 1.0
        wait_until(lambda: not any(runs(pid) for pid in gateway.pids.forwarders), what="the forwarders' end")
        stream.read_to_end()


def test_the_last_bytes_reach_a_slow_client_before_the_forwarder_goes() -> None:
    """A big answer sits in our buffer when the signal comes: the exchange is over, its bytes are not all out."""
    with gateway_before_simulator() as (gateway, _):
        stream = Stream(gateway.url, scenario="big_images")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGTERM)
        reading = threading.Timer(1.0, stream.read_to_end)
        reading.start()
        reading.join()

        assert stream.is_whole
        assert gateway.wait() == 0
