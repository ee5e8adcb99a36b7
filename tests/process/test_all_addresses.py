"""`:port` is every address, as an image wants it: of IPv6 and IPv4, and of IPv4 alone where the kernel has no other."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.addresses import split_address
from tests.gateway_process import COMMAND, GatewayProcess, SimulatorProcess
from tests.process.stream import create

WITHOUT_IPV6 = Path(__file__).parents[1] / "tools" / "without_ipv6.py"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


class OpenGateway(GatewayProcess):
    """It listens on all addresses. without_ipv6: in a kernel that knows only those of IPv4."""

    def __init__(self, upstream_url: str, *, without_ipv6: bool = False) -> None:
        super().__init__(upstream_url, flags=["--listen", ":0", "--admin", ":0"])
        self._without_ipv6 = without_ipv6

    def _command(self) -> list[str]:
        return [*([sys.executable, str(WITHOUT_IPV6)] if self._without_ipv6 else []), *super()._command()]

    def ports(self) -> tuple[int, int]:
        """Of proxy and admin."""
        return split_address(self.url.removeprefix("http://"))[1], split_address(
            self.admin_url.removeprefix("http://")
        )[1]


def serves(host: str, proxy: int, admin: int) -> bool:
    """Whether a stream is whole, and the metrics are there."""
    stream = create(f"http://{host}:{proxy}")
    with urllib.request.urlopen(f"http://{host}:{admin}/metrics", timeout=10) as answer:
        return stream.endswith(b"0\r\n\r\n") and b"interactions_gateway_build_info" in answer.read()


def test_all_addresses_are_those_of_ipv6_and_ipv4(simulator: SimulatorProcess) -> None:
    with OpenGateway(simulator.url) as gateway:
        proxy, admin = gateway.ports()

        assert gateway.url == f"http://[::]:{proxy}"
        assert gateway.admin_url == f"http://[::]:{admin}"
        for host in ("127.0.0.1", "[::1]") if machine_has_ipv6() else ("127.0.0.1",):
            assert serves(host, proxy, admin)
        assert healthy(admin)


def test_where_there_is_no_ipv6_they_are_those_of_ipv4(simulator: SimulatorProcess) -> None:
    with OpenGateway(simulator.url, without_ipv6=True) as gateway:
        proxy, admin = gateway.ports()

        assert gateway.url == f"http://0.0.0.0:{proxy}"
        assert gateway.admin_url == f"http://0.0.0.0:{admin}"
        assert serves("127.0.0.1", proxy, admin)
        assert healthy(admin)
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("::1", proxy), timeout=5):
            pass


def machine_has_ipv6() -> bool:
    """Many a container has its sockets, but no address of it."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def healthy(admin: int) -> bool:
    """By the command that images and charts ask."""
    done = subprocess.run(
        [COMMAND, "healthcheck", "--admin", f":{admin}"], capture_output=True, text=True, timeout=20, check=True
    )
    return bool(json.loads(done.stdout))
