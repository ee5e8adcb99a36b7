"""Settings and prices that change while the gateway runs: taken up, refused, or left for a restart; real processes."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.mounted import MountedConfigMap
from tests.otlp_receiver import OtlpReceiver

MODEL = "gemini-3-flash-preview"
PRICES = """
[[model]]
match = "gemini-*"
currency = "USD"
source = "https://example.com/prices"
read = 2026-11-20
standard = {{ input = {usd}, output = {usd} }}
"""


class Running:
    """A gateway that reads its settings from a file, before a simulator. config: a file that is there already."""

    def __init__(
        self, folder: Path, upstream: str, env: Mapping[str, str] | None = None, config: Path | None = None
    ) -> None:
        self.config, self.prices = config or folder / "gateway.toml", folder / "prices.toml"
        if config is None:
            self.write_prices("1")
            self.write(f'[pricing]\nfile = "{self.prices}"\n')
        self.gateway = GatewayProcess(upstream, env=env, flags=["--config", str(self.config)])
        self._sent = 0

    def write(self, text: str) -> None:
        """Change the settings, in one go as an editor does."""
        _replace(self.config, text)

    def write_prices(self, usd: str) -> None:
        """Change the price of every token."""
        _replace(self.prices, PRICES.format(usd=usd))

    def send(self) -> None:
        """One interaction."""
        body = json.dumps({"model": MODEL, "input": "hi"}).encode()
        headers = {"Content-Type": "application/json", "x-simulator-scenario": "unary"}
        request = urllib.request.Request(self.gateway.url + "/v1beta/interactions", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        self._sent += 1

    def ask(self) -> dict[str, Any]:
        """One interaction; its line in the log."""
        self.send()
        return self.events("exchange", self._sent)[-1]

    def events(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """The log's events of that name, once there are so many."""
        found: list[dict[str, Any]] = wait_until(
            lambda: events if len(events := self.gateway.events(name)) >= count else None, 15.0, f"{count} {name}"
        )
        return found

    def read_s(self) -> float:
        """When settings were read last."""
        return self.gateway.scrape().value("config_reload_timestamp_seconds")

    def in_force(self) -> bool:
        """Whether it says that all of its files are."""
        return self.gateway.scrape().value("config_last_reload_successful") == 1


def _replace(file: Path, text: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with SimulatorProcess() as simulator:
        made = Running(tmp_path, simulator.url)
        with made.gateway:
            yield made


def test_new_prices_hold_for_what_ends_after_them(running: Running) -> None:
    """And the moment of the reading is told."""
    before = running.ask()
    running.write_prices("3")
    (event,) = running.events("reloaded")
    after = running.ask()

    assert event["changed"] == ["pricing"]
    assert after["cost_usd"] == pytest.approx(3 * before["cost_usd"])
    assert time.time() - 15 < running.read_s() <= time.time()


def test_a_price_file_with_a_mistake_changes_nothing_and_is_told(running: Running) -> None:
    started_s = running.read_s()
    before = running.ask()
    assert running.in_force()
    running.write_prices("-3")
    (event,) = running.events("not_reloaded")

    assert event["what"] == "pricing"
    assert len(event["mistakes"]) == 2
    assert event["mistakes"][0].startswith("prices.toml: model 1 (gemini-*).standard.input = -3: must be dollars")
    assert running.ask()["cost_usd"] == before["cost_usd"]
    assert running.read_s() == started_s
    assert not running.in_force()

    running.write_prices("2")
    running.events("reloaded")

    assert running.in_force()
    assert running.ask()["cost_usd"] == pytest.approx(2 * before["cost_usd"])


def test_budgets_come_and_go_with_the_file(running: Running) -> None:
    config = running.config.read_text(encoding="utf-8")
    running.write(config + '[[budgets]]\nname = "all"\nusd = 10\nwindow = "daily"\n')
    (event,) = running.events("reloaded")
    cost = running.ask()["cost_usd"]
    scrape = running.gateway.scrape()

    assert event["changed"] == ["budgets"]
    assert scrape.labelled("budget_usd") == {(("budget", "all"), ("window", "daily")): 10}
    assert scrape.value("budget_cost_usd_total", budget="all") == pytest.approx(cost)

    running.write(config)
    running.events("reloaded", 2)

    assert running.gateway.scrape().labelled("budget_usd") == {}


def test_models_get_their_label_while_it_runs(running: Running) -> None:
    config = running.config.read_text(encoding="utf-8")
    running.write(config + '[labels]\nmodels = ["nothing"]\n')
    running.events("reloaded")
    running.ask()
    running.write(config)
    running.events("reloaded", 2)
    running.ask()

    scrape = running.gateway.scrape()
    assert {model: scrape.total("requests_total", model=model) for model in ("other", MODEL)} == {"other": 1, MODEL: 1}


def test_which_traces_are_kept_changes_while_it_runs(tmp_path: Path) -> None:
    """From none to all; what the log says of each leads to the one that came."""
    with SimulatorProcess() as simulator, OtlpReceiver() as receiver:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        running = Running(tmp_path, simulator.url, env)
        config = running.config.read_text(encoding="utf-8")
        running.write(config + "[traces]\nkeep_ratio = 0.0\n")
        with running.gateway:
            lost = running.ask()
            running.write(config)
            running.events("reloaded")
            kept = running.ask()
            spans = receiver.wait_for(lambda spans: any(not span.parent_id for span in spans))

    assert {span.trace_id for span in spans} == {kept["trace_id"]} != {lost["trace_id"]}


def test_the_log_level_changes_while_it_runs(running: Running) -> None:
    """What tells that it has is the time of the reading: a level of error says nothing of itself."""
    config = running.config.read_text(encoding="utf-8")
    running.ask()
    started_s = running.read_s()
    running.write(config + '[log]\nlevel = "error"\n')
    wait_until(lambda: running.read_s() > started_s, 15.0)
    running.send()
    running.gateway.settled(2)
    running.write(config)
    running.events("reloaded")
    running.send()
    running.events("exchange", 2)

    assert len(running.gateway.events("exchange")) == 2


def test_settings_with_a_mistake_change_nothing_and_each_is_told(running: Running) -> None:
    running.write('grace_period_s = -1\n[[budgets]]\nname = "all"\nusd = 10\nwindow = "weekly"\n')
    (event,) = running.events("not_reloaded")

    assert event["what"] == "settings"
    assert event["mistakes"] == [
        "grace_period_s = -1 (file gateway.toml): must be a number of seconds, 0 or more",
        "budgets 1.window = 'weekly' (file gateway.toml): must be daily or monthly",
    ]
    assert running.gateway.scrape().labelled("budget_usd") == {}


def test_what_is_refused_stays_so_until_its_own_file_is_mended(running: Running) -> None:
    """What is good beside it is taken up meanwhile, and an observer that comes anew holds to both."""
    config = running.config.read_text(encoding="utf-8")
    budget = '[[budgets]]\nname = "all"\nusd = 10\nwindow = "daily"\n'
    running.write_prices("-3")
    running.events("not_reloaded")
    running.write(config + budget)
    (event,) = running.events("reloaded")
    held = [running.in_force()]
    os.kill(running.gateway.pids.observer, signal.SIGKILL)
    running.events("child_died")
    wait_until(lambda: running.gateway.ready()[0] == 200, 15.0)
    running.events("not_reloaded", 3)
    held.append(running.in_force())
    budgets = running.gateway.scrape().labelled("budget_usd")
    running.write_prices("2")
    wait_until(running.in_force, 15.0, "the mended file in force")

    assert event["changed"] == ["budgets"]
    assert [event["what"] for event in running.gateway.events("not_reloaded")] == ["pricing"] * 3
    assert held == [False, False]
    assert budgets == {(("budget", "all"), ("window", "daily")): 10}


def test_a_setting_that_was_refused_and_is_taken_back_is_in_force_again(running: Running) -> None:
    config = running.config.read_text(encoding="utf-8")
    other = running.prices.with_name("other.toml")
    other.write_text("[[model", encoding="utf-8")
    running.write(config.replace(running.prices.name, other.name))
    (event,) = running.events("not_reloaded")
    before = running.in_force()
    running.write(config)
    wait_until(running.in_force, 15.0, "the old file in force")

    assert (event["what"], before) == ("pricing", False)
    assert len(running.gateway.events("not_reloaded")) == 1


def test_settings_that_change_while_no_observer_runs_are_read_by_the_next(running: Running) -> None:
    """Nobody saw the change, so the next one reads all that there is."""
    config = running.config.read_text(encoding="utf-8")
    observer = running.gateway.pids.observer
    os.kill(observer, signal.SIGSTOP)
    running.write(config + '[[budgets]]\nname = "all"\nusd = 10\nwindow = "daily"\n')
    os.kill(observer, signal.SIGKILL)
    running.events("child_died")
    running.events("reloaded")

    assert running.gateway.scrape().labelled("budget_usd") == {(("budget", "all"), ("window", "daily")): 10}


def test_a_mounted_config_map_is_read_again_when_its_folder_is_swapped(tmp_path: Path) -> None:
    """The names stay links, and what they lead to is another file: settings and prices change at once, twice."""

    def data(usd: str, settings: str = "") -> dict[str, str]:
        prices = tmp_path / "mount" / "pricing.toml"
        return {
            "gateway.toml": f'{settings}[pricing]\nfile = "{prices}"\n',
            "pricing.toml": PRICES.format(usd=usd),
        }

    mount = MountedConfigMap(tmp_path / "mount", data("1"))
    with SimulatorProcess() as simulator:
        running = Running(tmp_path, simulator.url, config=mount.folder / "gateway.toml")
        with running.gateway:
            costs = [running.ask()["cost_usd"]]
            mount.change(data("2", '[[budgets]]\nname = "all"\nusd = 10\nwindow = "daily"\n'))
            running.events("reloaded")
            costs.append(running.ask()["cost_usd"])
            budgets = running.gateway.scrape().labelled("budget_usd")
            mount.change(data("3"))
            running.events("reloaded", 2)
            costs.append(running.ask()["cost_usd"])
            reloads = [event["changed"] for event in running.gateway.events("reloaded")]
            refused = running.gateway.events("not_reloaded")

    assert [cost / costs[0] for cost in costs] == pytest.approx([1, 2, 3])
    assert budgets == {(("budget", "all"), ("window", "daily")): 10}
    assert reloads == [["budgets", "pricing"], ["budgets", "pricing"]]
    assert refused == []


def test_what_wants_a_restart_is_told_once_and_the_rest_is_taken_up(running: Running) -> None:
    config = running.config.read_text(encoding="utf-8")
    running.write("grace_period_s = 5\n" + config + '[[budgets]]\nname = "all"\nusd = 10\nwindow = "daily"\n')
    running.events("reloaded")
    running.write("grace_period_s = 5\n" + config)
    running.events("reloaded", 2)

    assert [event["settings"] for event in running.events("restart_needed")] == [["grace_period_s"]]


def test_sighup_reads_all_again_and_an_observer_that_dies_keeps_it(running: Running) -> None:
    """It restarts the forwarders too; none of them forgets what was reloaded."""
    config = running.config.read_text(encoding="utf-8")
    running.gateway.signal(signal.SIGHUP)
    running.events("restarted")
    (event,) = running.events("reloaded")
    running.write(config + '[[budgets]]\nname = "all"\nusd = 10\nwindow = "daily"\n')
    running.events("reloaded", 2)
    os.kill(running.gateway.pids.observer, signal.SIGKILL)
    running.events("child_died")
    wait_until(lambda: running.gateway.ready()[0] == 200, 15.0)

    assert event["changed"] == ["pricing"]
    assert running.gateway.scrape().labelled("budget_usd") == {(("budget", "all"), ("window", "daily")): 10}
