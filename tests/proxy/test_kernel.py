"""What the kernel is asked of a connection, on both event loops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from gateway.proxy.kernel import SecondHandle, has_left, keep_alive, reset_on_close

Run = Callable[[Coroutine[Any, Any, None]], None]
RUNS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


async def _connected() -> tuple[asyncio.Transport, socket.socket]:
    """A transport that reads nothing, and its peer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    near.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    transport.pause_reading()
    return transport, far


@RUNS
def test_the_kernel_asks_whether_the_peer_is_there(run: Run) -> None:
    async def main() -> None:
        transport, far = await _connected()
        sock = transport.get_extra_info("socket")
        keep_alive(sock)

        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        transport.abort()
        far.close()

    run(main())


def test_a_socket_that_is_no_tcp_is_left_alone() -> None:
    near, far = socket.socketpair()
    with near, far:
        keep_alive(near)
    keep_alive(None)


@RUNS
def test_who_has_left_is_known_without_reading(run: Run) -> None:
    async def main() -> None:
        transport, far = await _connected()
        assert not has_left(transport)
        far.sendall(b"unread")
        far.close()
        async with asyncio.timeout(5):
            while not has_left(transport):  # noqa: ASYNC110  nothing tells but the question itself
                await asyncio.sleep(0.01)
        transport.abort()

    run(main())


@RUNS
def test_what_came_before_a_write_failed_is_still_there(run: Run) -> None:
    async def main() -> None:
        transport, far = await _connected()
        second = SecondHandle(transport)
        far.sendall(b"an answer")
        transport.abort()
        await asyncio.sleep(0)

        assert second.rest() == b"an answer"
        second.close()
        assert second.rest() == b""
        far.close()

    run(main())


@RUNS
def test_a_reset_is_one(run: Run) -> None:
    async def main() -> None:
        transport, far = await _connected()
        reset_on_close(transport)
        transport.abort()
        far.settimeout(5)

        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(far.recv, 1)
        far.close()

    run(main())
