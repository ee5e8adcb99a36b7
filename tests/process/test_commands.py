"""The other ends of the command line: addresses that are taken, healthcheck, check-config, version."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from gateway import __version__
from tests.gateway_process import COMMAND, GatewayProcess, SimulatorProcess, wait_until
from tests.process.stream import Stream


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


@pytest.mark.parametrize("which", ["listen", "admin"])
@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_port_in_use_is_one_line_and_exit_code_2(which: str, reuse_port: bool) -> None:
    """Also where the other one allows sharing by SO_REUSEPORT: two gateways would silently share their traffic."""
    with socket.socket() as taken:
        if reuse_port:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        other = "admin" if which == "listen" else "listen"
        ended = subprocess.run(
            [COMMAND, "serve", f"--{which}", address, f"--{other}", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert ended.returncode == 2
    assert ended.stderr == f"interactions-gateway: {which} = '{address}': can't listen there: Address already in use\n"
    assert ended.stdout == ""


def test_healthcheck_tells_alive_from_ready_from_gone(simulator: SimulatorProcess) -> None:
    def check(*flags: str) -> int:
        return subprocess.run([COMMAND, "healthcheck", *flags], capture_output=True, timeout=30, check=False).returncode

    with GatewayProcess(simulator.url, config={"grace_period_s": 5}) as gateway:
        admin = gateway.admin_url.removeprefix("http://")
        assert (check("--admin", admin), check("--admin", admin, "--ready")) == (0, 0)
        stream = Stream(gateway.url, fault="hold-after=3")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.ready()[0] == 503, what="/readyz")
        assert (check("--admin", admin), check("--admin", admin, "--ready")) == (0, 1)
        stream.socket.close()
        gateway.wait()
        assert (check("--admin", admin), check("--admin", admin, "--ready")) == (1, 1)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_version_and_help_name_the_program() -> None:
    assert run("--version").stdout == f"interactions-gateway {__version__}\n"
    assert {"serve", "demo", "simulate", "check-config", "fingerprint", "healthcheck"} <= set(
        run("--help").stdout.split()
    )


def test_check_config_prints_the_effective_settings() -> None:
    done = run("check-config", "--workers", "2", "--upstream", "http://api.internal:8000/prefix/")

    assert done.returncode == 0
    assert "workers = 2 " in done.stdout
    assert 'upstream = "http://api.internal:8000/prefix" ' in done.stdout


def fingerprint(key: str, secret: str | None) -> subprocess.CompletedProcess[str]:
    settings = {} if secret is None else {"INTERACTIONS_GATEWAY_ATTRIBUTION__FINGERPRINT_SECRET": secret}
    return subprocess.run(
        [COMMAND, "fingerprint"],
        input=key,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_fingerprint_reads_a_key_and_prints_what_stands_for_it() -> None:
    """With or without a line's end, and never the key."""
    secret = "a secret of the operator"
    wanted = hmac.new(secret.encode(), b"AIza-not-a-key", hashlib.sha256).hexdigest()[:12]

    for typed in ("AIza-not-a-key", "AIza-not-a-key\n", "  AIza-not-a-key\r\nmore\n"):
        done = fingerprint(typed, secret)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{wanted}\n", "")


@pytest.mark.parametrize(
    ("key", "secret", "line"),
    [
        pytest.param("key\n", None, "attribution.fingerprint_secret: is not set", id="no secret"),
        pytest.param("\n", "a secret of the operator", "standard input: holds no API key", id="no key"),
    ],
)
def test_fingerprint_says_what_it_lacks(key: str, secret: str | None, line: str) -> None:
    done = fingerprint(key, secret)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"interactions-gateway: {line}")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ("simulate", "--listen", "here"), "--listen = 'here': must be host:port", id="simulate: no address"
        ),
        pytest.param(("simulate", "--pace", "-1"), "--pace = -1.0: must be a number, 0 or more", id="simulate: pace"),
        pytest.param(("demo", "--for", "soon"), "'soon' is no duration such as 20s or 2m", id="demo: no duration"),
        pytest.param(
            ("serve", "--workers", "0"), "workers = '0' (--workers): must be a whole number", id="serve: flag"
        ),
        pytest.param(
            ("serve", "--listen", "203.0.113.9:80"),
            "listen = '203.0.113.9:80': can't listen there: Cannot assign requested address",
            id="serve: an address of another machine",
        ),
        pytest.param(
            ("serve", "--listen", "no.such.host.invalid:80"), "can't listen there: ", id="serve: unknown host"
        ),
    ],
)
def test_a_mistake_on_the_command_line_is_told_with_exit_code_2(arguments: tuple[str, ...], line: str) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert line in done.stderr
    assert "Traceback" not in done.stderr
