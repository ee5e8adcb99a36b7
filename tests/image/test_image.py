"""The image, really built from the Dockerfile, and run as a cluster runs it. Wants root and Debian; fails without."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gateway
from gateway.addresses import split_address
from tests.gateway_process import SimulatorProcess, wait_until
from tests.image.buildah import Buildah
from tests.image.container import Container, bytes_of, free_port, root_options, size_bytes, status_of
from tests.image.test_dockerfile import stages
from tests.process.stream import Stream

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(2400)]

NAME = "interactions-gateway:test"
INSTALLED = "opt/interactions-gateway"
MAX_COMPRESSED_BYTES = 150 * 1000 * 1000
ANY_UID = 1_000_670_000  # such as OpenShift gives, of no passwd file


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Its file system and its configuration."""
    folder = tmp_path_factory.mktemp("images")
    buildah = Buildah(folder)
    buildah.add_base(stages()[0][0][1].partition(" ")[0])
    buildah.build(NAME, "--build-arg", "REVISION=0123abc")
    yield buildah.mounted(NAME), buildah.inspect(NAME)["Docker"]["config"]
    shutil.rmtree(folder)  # a gigabyte, whole file systems as plain folders


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


def test_its_configuration_is_what_engines_need(image: tuple[Path, dict[str, Any]]) -> None:
    _, config = image
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items() if "opencontainers" in name}

    assert (config["User"], config["WorkingDir"], config["Volumes"]) == ("65532:65532", "", {})
    assert (config["Entrypoint"], config["Cmd"]) == (["interactions-gateway"], ["serve"])
    assert set(config["ExposedPorts"]) == {"8080/tcp", "9464/tcp"}
    assert config["Healthcheck"]["Test"] == ["CMD", "interactions-gateway", "healthcheck"]
    assert config["StopSignal"] == "SIGTERM"
    assert labels == {
        "title": "interactions-gateway",
        "description": "A transparent, observing gateway for the Gemini Interactions API",
        "licenses": "Apache-2.0",
        "version": gateway.__version__,
        "revision": "0123abc",
    }


def test_it_holds_what_serves_and_no_more(image: tuple[Path, dict[str, Any]]) -> None:
    """The compiled wheel and its byte code, nothing to build or install with, nothing that others may write."""
    root, _ = image
    installed = root / INSTALLED
    (packages,) = installed.glob("lib/python3.*/site-packages")
    files = [path for path in installed.rglob("*") if path.is_file() and not path.is_symlink()]
    compressed_bytes = bytes_of(installed)
    print(f"{len(files)} files, {size_bytes(installed)} bytes, {compressed_bytes} compressed")

    assert compressed_bytes < MAX_COMPRESSED_BYTES
    assert list(packages.glob("gateway/wire/sse.*.so"))
    assert list(packages.glob("gateway/__pycache__/supervisor.*.pyc"))
    assert [name for name in ("pip", "setuptools", "mypy", "hatchling") if (packages / name).exists()] == []
    assert [name for name in ("gcc", "cc", "x86_64-linux-gnu-gcc") if (root / "usr/bin" / name).exists()] == []
    assert [path for path in files if path.stat().st_mode & 0o022] == []


def test_it_runs_as_any_user_on_a_read_only_root_and_drains(
    image: tuple[Path, dict[str, Any]], simulator: SimulatorProcess
) -> None:
    """Configured by variables alone; a stream passes, the image's health check too, SIGTERM ends it in order."""
    root, config = image
    proxy, admin = free_port(), free_port()
    env = {
        "INTERACTIONS_GATEWAY_UPSTREAM": simulator.url,
        "INTERACTIONS_GATEWAY_LISTEN": f":{proxy}",  # the image's own may be taken here
        "INTERACTIONS_GATEWAY_ADMIN": f":{admin}",
    }
    with Container(root, config, ANY_UID, env) as container:
        status = status_of(container.first)
        assert status["Uid"].split() == [str(ANY_UID)] * 4
        assert status["Gid"].split() == ["0"] * 4
        assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        assert "ro" in root_options(container.first)
        assert container.pids.supervisor == 1
        assert split_address(container.url.removeprefix("http://")) in (("::", proxy), ("0.0.0.0", proxy))
        whole = Stream(f"http://127.0.0.1:{proxy}")
        whole.read_to_end()
        health = container.execute(*config["Healthcheck"]["Test"][1:])
        assert whole.is_whole
        assert health.returncode == 0, health.stderr
        assert json.loads(health.stdout)["status"] == "ok"
        assert container.scrape().labelled("build_info").keys()

        stream = Stream(f"http://127.0.0.1:{proxy}", fault="stall-after=3:1")
        stream.read_until(b"event:")
        container.signal(signal.SIGTERM)
        wait_until(lambda: container.events("draining"), what="the signal's effect")
        stream.read_to_end()

        assert stream.is_whole
        assert container.wait() == 0
        assert [event["outcome"] for event in container.events("exchange")] == ["completed", "completed"]


def test_it_says_its_version_and_its_mistakes(image: tuple[Path, dict[str, Any]]) -> None:
    root, config = image
    container = Container(root, {**config, "Cmd": ["serve", "--workers", "none"]}, ANY_UID, {})
    with pytest.raises(RuntimeError, match="ended with 2"), container:
        pass
