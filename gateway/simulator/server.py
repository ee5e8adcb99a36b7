"""The simulator as a server: start it, choose scenarios by request, read its ledger.

Not here: everything a request can cause (routes.py, playback.py), the command line (__main__.py).
Source: interactions-api.md for the API; the pages under /__simulator__/ are our own.
Promise: close() leaves no task, socket or port behind, whatever the clients are doing.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

import h11

from gateway.simulator.body import Substitution
from gateway.simulator.catalogue import scenarios
from gateway.simulator.connection import Connection, Request
from gateway.simulator.faults import Directives
from gateway.simulator.interactions import error_answer, json_answer
from gateway.simulator.ledger import Entry, Ledger
from gateway.simulator.playback import Playback
from gateway.simulator.routes import CONTROL_PREFIX, Router, request_facts, route_of, scenario_list
from gateway.simulator.scenario import Answer
from gateway.simulator.selection import read_asked

LISTEN_BACKLOG: Final = 1024


class Simulator:
    """A simulated Interactions API; one instance serves one address at a time.

    pace: factor on the pauses of every scenario, 0 for none; a request's x-simulator-pace wins.
    """

    def __init__(self, *, pace: float = 1.0) -> None:
        self._pace = pace
        self._ledger = Ledger()
        self._router = Router()
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port. Raises OSError where it is taken and ScenarioError for a bad scenario file."""
        scenarios()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._serve), host, port, backlog=LISTEN_BACKLOG, reuse_address=True
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        if self._server is not None:
            self._server.close()
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        for connection in list(self._connections):
            connection.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def ledger(self, after: int = 0) -> list[dict[str, object]]:
        """The entries with a greater seq, as JSON types; see Entry for the fields."""
        return self._ledger.as_json(after)

    async def received(self, seq: int) -> None:
        """Wait until the request with that number is in the ledger; numbers begin with 1."""
        await self._ledger.until(seq, ended=False)

    async def ended(self, seq: int) -> None:
        """Wait until the play of that request is over, however it ended."""
        await self._ledger.until(seq, ended=True)

    def reset_ledger(self) -> None:
        """Forget all entries; sequence numbers go on."""
        self._ledger.reset()

    async def _serve(self, connection: Connection) -> None:
        self._connections.add(connection)
        try:
            while (request := await connection.read_request()) is not None:
                if not await self._answer(connection, request):
                    break
        except h11.RemoteProtocolError:
            await connection.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _answer(self, connection: Connection, request: Request) -> bool:
        """Answer one request; True when the connection can carry another."""
        if request.target.startswith(CONTROL_PREFIX):
            answer = self._control(request)
            entry = Entry(0, request.method, request.target, "control", {}, request.received_ns)
            playback = Playback(connection, entry, answer, Substitution(), Directives(), 0.0)
            return await playback.run(persistent=request.persistent, chunks_allowed=request.chunks_allowed)
        asked = read_asked(request.body)
        route, interaction_id = route_of(request)
        entry = self._ledger.open(
            request.method, request.target, route, request_facts(request, asked), request.received_ns
        )
        reply = self._router.reply(request, route, interaction_id, asked)
        entry.scenario, entry.interaction_id = reply.scenario, reply.interaction_id
        pace = self._pace if reply.directives.pace is None else reply.directives.pace
        playback = Playback(connection, entry, reply.answer, reply.substitution, reply.directives, pace)
        try:
            return await playback.run(persistent=request.persistent, chunks_allowed=request.chunks_allowed)
        finally:
            self._ledger.changed()

    def _control(self, request: Request) -> Answer:
        path, _, query = request.target.partition("?")
        page = path.removeprefix(CONTROL_PREFIX)
        if page == "scenarios" and request.method == "GET":
            return json_answer(200, scenario_list())
        if page == "ledger" and request.method == "GET":
            after = parse_qs(query).get("after", ["0"])[-1]
            return json_answer(200, self.ledger(int(after) if after.isascii() and after.isdigit() else 0))
        if page == "ledger" and request.method == "DELETE":
            self.reset_ledger()
            return json_answer(200, {})
        return error_answer(404, "NOT_FOUND", "The simulator has /__simulator__/scenarios and /__simulator__/ledger.")


def run(host: str, port: int, *, pace: float, ready: Callable[[int], None] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code.

    ready: called once with the port when connections are accepted.
    """
    return asyncio.run(_run(host, port, pace, ready))


async def _run(host: str, port: int, pace: float, ready: Callable[[int], None] | None) -> int:
    simulator = Simulator(pace=pace)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    actual = await simulator.start(host, port)
    shown = f"[{host}]" if ":" in host else host
    line = (
        f"simulator listening on http://{shown}:{actual}\n"
        "choose a scenario by model sim-NAME or header x-simulator-scenario: NAME; "
        f"names: http://{shown}:{actual}{CONTROL_PREFIX}scenarios\n"
    )
    os.write(1, line.encode())
    if ready is not None:
        ready(actual)
    try:
        await stop.wait()
    finally:
        await simulator.close()
    return 0
