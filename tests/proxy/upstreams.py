"""Upstreams for the pool: they answer every line with a line, and say what they saw. Certificates for them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import uvloop
from aiohappyeyeballs import AddrInfoType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.config import Settings
from gateway.proxy.pool import Pool
from gateway.tally import Tally

DEADLINE_S = 10.0
Run = Callable[[Coroutine[Any, Any, None]], None]
LOOPS: dict[str, Run] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


class Line(asyncio.Protocol):
    """A client's connection: one line asked, one line answered."""

    pool: Pool[Line] | None = None

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._is_spoiled = False

    @property
    def can_serve(self) -> bool:
        """As the pool wants it."""
        return self.transport is not None and not self.transport.is_closing() and not self._is_spoiled

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._is_spoiled = True
        elif data.endswith(b"\n"):
            self._answer.set_result(data)
            self._answer = None

    def connection_lost(self, exc: BaseException | None) -> None:
        self.transport = None
        if self._answer is not None:
            self._answer.set_exception(ConnectionResetError())
        if self.pool is not None:
            self.pool.forget(self)

    async def ask(self) -> bytes:
        """The answer to a line."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"?\n")
        return await self._answer

    def end(self) -> None:
        """As a caller ends what it doesn't give back."""
        if self.transport is not None:
            self.transport.abort()


class Answerer(asyncio.Protocol):
    """A server's side of a connection."""

    def __init__(self, upstream: LineUpstream) -> None:
        self._upstream = upstream
        self.is_resumed: bool | None = None
        self.alpn: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self.is_resumed, self.alpn = secured.session_reused, secured.selected_alpn_protocol()
        self._upstream.open[self] = None
        self._upstream.seen.append(self)
        if self._upstream.is_over:
            self.transport.abort()
        self.transport.write(self._upstream.greeting)

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"%s\n" % self._upstream.name)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._upstream.open.pop(self)


class LineUpstream:
    """seen: every connection it accepted; open: those that are open still."""

    def __init__(self, name: bytes, greeting: bytes) -> None:
        self.name, self.greeting = name, greeting
        self.seen: list[Answerer] = []
        self.open: dict[Answerer, None] = {}
        self.port = 0
        self.is_over = False

    def __call__(self) -> Answerer:
        return Answerer(self)

    async def left(self, count: int) -> None:
        """Wait until so many connections are open."""
        await until(lambda: len(self.open) == count)


@contextlib.asynccontextmanager
async def upstream(
    name: bytes = b"one", context: ssl.SSLContext | None = None, *, port: int = 0, greeting: bytes = b""
) -> AsyncIterator[LineUpstream]:
    """It listens on 127.0.0.1."""
    made = LineUpstream(name, greeting)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", port, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.is_over = True
        server.close()
        for one in list(made.open):
            one.transport.abort()
        await made.left(0)
        await server.wait_closed()


@contextlib.asynccontextmanager
async def pool_for(
    upstream_url: str,
    resolve: Callable[[str, int], Awaitable[Sequence[AddrInfoType]]] | None = None,
    *,
    tally: Tally | None = None,
    **proxy: Any,
) -> AsyncIterator[Pool[Line]]:
    """A pool of lines; proxy: settings of that table."""

    def make() -> Line:
        line = Line()
        line.pool = pool
        return line

    asked = Settings.model_validate({"upstream": upstream_url, "proxy": proxy})
    pool: Pool[Line] = Pool(asked, make, resolve=resolve, tally=tally)
    try:
        yield pool
    finally:
        await pool.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for it."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


async def answered(pool: Pool[Line]) -> bytes:
    """One exchange: a connection is taken or opened, used and given back."""
    line = pool.take()
    if line is None:
        line = await pool.connect()
    answer = await line.ask()
    pool.give_back(line)
    return answer


def url(port: int) -> str:
    """Of an upstream without TLS."""
    return f"http://127.0.0.1:{port}"


def at(port: int, family: int = socket.AF_INET, host: str = "127.0.0.1") -> AddrInfoType:
    """An address as a resolver gives it."""
    where = (host, port) if family == socket.AF_INET else (host, port, 0, 0)
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose queue of connections is full: a further one gets no answer at all, as behind a dead route."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        while True:
            one = waiting.enter_context(socket.socket())
            one.settimeout(0.3)
            try:
                one.connect(address)
            except TimeoutError:
                break
        yield int(address[1])


class Authority:
    """Signs certificates. file: its own, to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority.test")])
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._sign(self._name, self._key, is_authority=True))

    def server_context(self, host: str) -> ssl.SSLContext:
        """A server's context with a certificate for the host; tickets are on."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upstream.test")])
        chain = self._folder / f"{host}.pem"
        chain.write_bytes(
            self._sign(name, key, host=host)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, host: str | None = None, is_authority: bool = False
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        issuer = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        )
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        if is_authority:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
