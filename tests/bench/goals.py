"""What the forwarding may cost, and whether it does: a table of goals with the figures of one run beside them.

Not here: how figures come about (run.py).
Source: the goals of the issue "The forwarding path": ratios to nginx in the same run.
Promise: a figure that the run doesn't have is shown as not measured, never as kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.run import Results
from tests.bench.scenarios import BOARD_STREAMS

GATEWAY: Final = "gateway"
NGINX: Final = "nginx"
Verdict = Literal["aim", "must", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Goal:
    """must and aim are the highest that are allowed; the lowest, where `higher`.

    forwarders: the figure of the processes that forward. everything: of all processes, where the goal is about CPU.
    form: how the figures are shown.
    """

    text: str
    must: float
    aim: float
    forwarders: Callable[[Results], float]
    everything: Callable[[Results], float] | None = None
    form: str = "{:.2f}x"
    higher: bool = False

    def verdict(self, value: float) -> Verdict:
        """Which of the two it keeps."""
        if math.isnan(value):
            return "not measured"
        if value >= self.aim if self.higher else value <= self.aim:
            return "aim"
        if value >= self.must if self.higher else value <= self.must:
            return "must"
        return "missed"

    def shown(self, value: float) -> str:
        """As text."""
        return "-" if math.isnan(value) else self.form.format(value)


def _of(results: Results, scenario: str, target: str, figure: str) -> float:
    found = results.lowest(scenario, target)
    return math.nan if found is None else float(getattr(found, figure))


def _cpu(scenario: str, unit: str, must: float, aim: float) -> Goal:
    return Goal(
        f"{scenario} CPU {unit}, to nginx",
        must,
        aim,
        lambda results: results.ratio(scenario, GATEWAY, "path_us"),
        lambda results: results.ratio(scenario, GATEWAY, "all_us"),
    )


def _added(figure: str) -> Callable[[Results], float]:
    return lambda results: _of(results, "S3", GATEWAY, figure) - _of(results, "S3", NGINX, figure)


def _beside(target: str) -> Callable[[Results], float]:
    def ratio(results: Results) -> float:
        alone = _of(results, "S3", target, "delta_p99_ms")
        return _of(results, "S6", target, "delta_p99_ms") / alone if alone else math.nan

    return ratio


def _tap_share(results: Results) -> float:
    return 100 * (1 - 1 / results.ratio("S3", GATEWAY, "path_us", to="gateway-untapped"))


def _less_than_litellm(scenario: str, figure: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(scenario, "litellm", figure, to=GATEWAY)


def stall_free(results: Results, target: str) -> float:
    """The most streams of the board up to which no stream of the target stalled; nan where it was not measured."""
    most = math.nan
    for streams in BOARD_STREAMS:
        found = results.lowest(f"B{streams}", target)
        if found is None and math.isnan(most):
            return math.nan
        if found is None or found.stalled_streams != 0:
            return 0.0 if math.isnan(most) else most
        most = streams
    return most


def _stall_free_ratio(results: Results) -> float:
    other = stall_free(results, NGINX)
    return stall_free(results, GATEWAY) / other if other else math.nan


def _litellm(scenario: str, text: str, must: float, aim: float) -> Goal:
    return Goal(
        f"{text}: LiteLLM's CPU, to ours",
        must,
        aim,
        _less_than_litellm(scenario, "path_us"),
        lambda results: _of(results, scenario, "litellm", "path_us") / _of(results, scenario, GATEWAY, "all_us"),
        higher=True,
    )


def _memory(text: str, must: float, aim: float, scenario: str, figure: str, form: str, part: float = 1.0) -> Goal:
    return Goal(text, must, aim, lambda results: _of(results, scenario, GATEWAY, figure) / part, form=form)


GOALS: Final = (
    _cpu("S1", "a request", 4, 2.5),
    _cpu("S1t", "a request", 5, 3.5),
    _cpu("S2", "an event", 2.0, 1.4),
    _cpu("S3", "an event", 1.8, 1.3),
    _cpu("S3t", "an event", 2.0, 1.5),
    _cpu("S4", "an event", 2.2, 1.5),
    _cpu("S5", "a request", 1.0, 0.6),
    Goal("S3 added latency over nginx, p50", 0.5, 0.1, _added("delta_p50_ms"), form="{:+.2f} ms"),
    Goal("S3 added latency over nginx, p99", 5, 1, _added("delta_p99_ms"), form="{:+.2f} ms"),
    Goal("S6 p99, to S3's", 2, 1.2, _beside(GATEWAY)),
    Goal("S6 p99, to S3's, all on one core", 2, 1.2, _beside("gateway-1core")),
    Goal("tap's share of the forwarder's CPU in S3", 15, 8, _tap_share, form="{:.0f} %"),
    Goal(
        "observer's CPU an exchange of 10 steps",
        2,
        1,
        lambda results: _of(results, "O1", GATEWAY, "observer_us") / 1000,
        form="{:.2f} ms",
    ),
    _memory("memory a stream", 25, 20, "S4", "stream_kib", "{:.0f} KiB"),
    _memory("memory a stream, TLS", 70, 45, "S3t", "stream_kib", "{:.0f} KiB"),
    _memory("memory of the forwarder at rest", 50, 42, "S3", "rest_path_kib", "{:.0f} MiB", 1024),
    _memory("memory of all processes at rest", 150, 110, "S3", "rest_all_kib", "{:.0f} MiB", 1024),
    Goal(
        "events a second of 2 forwarders, to 1",
        1.7,
        1.9,
        lambda results: results.ratio("W1", "gateway-2", "rate", to=GATEWAY),
        higher=True,
    ),
    _litellm("S1", "S1", 90, 130),
    _litellm("S2", "S2", 18, 25),
    _litellm("P20", "20 paced streams", 4.5, 6),
    Goal("board: stall-free streams, to nginx's", 0.5, 1.0, _stall_free_ratio, higher=True),
)
