"""Which path runs: the fast one where this loop and this aiohttp are as it needs them, else the plain one, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import aiohttp
import pytest
import uvloop

from gateway.config import ProxySettings, Settings
from gateway.proxy import choice
from gateway.proxy.fast import selftest
from gateway.proxy.fast.download import Download
from gateway.proxy.fast.upload import Upload

Run = Callable[[Coroutine[Any, Any, str]], str]
RUNS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def wanting(path: Literal["auto", "fast", "plain"]) -> Settings:
    return Settings(proxy=ProxySettings(path=path))


@RUNS
def test_the_fast_path_is_fit_for_both_loops(run: Run) -> None:
    assert run(choice.choose(wanting("auto"))) == "fast"
    assert run(choice.choose(wanting("fast"))) == "fast"


def test_plain_is_what_was_asked_for() -> None:
    assert asyncio.run(choice.choose(wanting("plain"))) == "plain"


@pytest.mark.parametrize("version", ["3.13.9", "3.15.0", "4.0.0a1", "nonsense"])
def test_another_aiohttp_means_the_plain_path(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(aiohttp, "__version__", version)

    assert asyncio.run(choice.choose(wanting("auto"))) == "plain"
    with pytest.raises(selftest.UnfitError, match="can't be had"):
        asyncio.run(choice.choose(wanting("fast")))


take = Download.take
BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "writes that don't pause": lambda m: m.setattr(selftest._Writer, "pause_writing", lambda _: None),
    "a way of bytes that changes one": lambda m: m.setattr(
        Download, "take", lambda download, data: take(download, data).replace(b"data", b"date")
    ),
    "a tap that reads nothing": lambda m: m.setattr(Download, "payload", lambda _: b""),
    "an upstream that is given up": lambda m: m.setattr(Upload, "is_whole", property(lambda _: False)),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_what_the_self_test_finds_means_the_plain_path(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    BREAKS[broken](monkeypatch)
    monkeypatch.setattr(selftest, "TIME_S", 0.5)

    assert asyncio.run(choice.choose(wanting("auto"))) == "plain"
