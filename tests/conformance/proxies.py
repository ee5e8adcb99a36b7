"""What can stand between a row's client and its upstream: nothing, nginx, the gateway in each of its forms.

Not here: rows. Promise: what was started ends with its context.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.conformance.rows import Row
from tests.conformance.stage import Stage
from tests.gateway_process import END_TIMEOUT_S, GatewayProcess, wait_until
from tests.ports import closed_port

# The forwarding implementations, by the settings that choose them: every row holds for each.
GATEWAYS: dict[str, dict[str, object]] = {"gateway": {}}

HEAD_TIMEOUT_S = 0.3
LIMITS: dict[str, object] = {
    "proxy.max_open_exchanges": 1,
    "proxy.max_request_body_bytes": 1000,
    "proxy.request_head_timeout_s": HEAD_TIMEOUT_S,
    "proxy.response_head_timeout_s": HEAD_TIMEOUT_S,
    "proxy.connect_timeout_s": HEAD_TIMEOUT_S,
}

_NGINX = """daemon off; worker_processes 1; pid %(dir)s/pid; error_log %(dir)s/error.log;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path %(dir)s/body; proxy_temp_path %(dir)s/proxy;
  fastcgi_temp_path %(dir)s/1; uwsgi_temp_path %(dir)s/2; scgi_temp_path %(dir)s/3;
  client_max_body_size 0; large_client_header_buffers 4 64k; merge_slashes off;
  underscores_in_headers on; ignore_invalid_headers off; client_header_timeout %(timeout)s;
  proxy_buffering off; proxy_request_buffering off; proxy_http_version 1.1; proxy_next_upstream off;
  proxy_pass_header Date; proxy_pass_header Server;
  proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 64k;
  map $http_upgrade $up { default ""; websocket upgrade; }
  map $http_upgrade $to { default ""; websocket $http_upgrade; }
  upstream api { server 127.0.0.1:%(upstream)d max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://api; proxy_set_header Host 127.0.0.1:%(upstream)d;
      proxy_set_header Connection $up; proxy_set_header Upgrade $to;
    }
  }
}
"""


class Way:
    """A way from client to upstream: where a client connects, and the `Host` that the upstream must see."""

    def __init__(self, name: str, stage: Stage, url: str, host: bytes | None, process: GatewayProcess | None) -> None:
        self.name = name
        self.process = process
        self._stage = stage
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.address = (parts.hostname, parts.port)
        self._host = host

    def play(self, row: Row) -> list[str]:
        """Play a row; what was otherwise than it says."""
        return self._stage.play(row, self.name, self.address, self._host)


@contextlib.contextmanager
def direct() -> Iterator[Way]:
    """No proxy: this proves the rows."""
    with Stage() as stage:
        yield Way("direct", stage, f"http://127.0.0.1:{stage.port}", None, None)


@contextlib.contextmanager
def gateway(config: dict[str, object]) -> Iterator[Way]:
    """The installed command."""
    with Stage() as stage, GatewayProcess(f"http://127.0.0.1:{stage.port}", config=config) as process:
        yield Way("gateway", stage, process.url, b"127.0.0.1:%d" % stage.port, process)


@contextlib.contextmanager
def unreachable(setup: str, config: dict[str, object]) -> Iterator[Way]:
    """The installed command before an upstream that can't be asked."""
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(Stage())
        url = stack.enter_context(_UPSTREAMS[setup]())
        process = stack.enter_context(GatewayProcess(url, config={**config, "proxy.connect_timeout_s": HEAD_TIMEOUT_S}))
        yield Way("gateway", stage, process.url, None, process)


@contextlib.contextmanager
def _refused() -> Iterator[str]:
    with closed_port() as port:
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _nameless() -> Iterator[str]:
    yield "http://no-such-host.invalid"


@contextlib.contextmanager
def _plain_for_tls() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse_all() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    with sock:
                        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse_all, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        # closing alone leaves the thread in accept()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(END_TIMEOUT_S)


@contextlib.contextmanager
def _full() -> Iterator[str]:
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # connections that nobody accepts fill the queue; Linux then leaves the next one without an answer
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


_UPSTREAMS = {"refused": _refused, "nameless": _nameless, "plain_for_tls": _plain_for_tls, "full": _full}


@contextlib.contextmanager
def nginx(timeout_s: float | None = None) -> Iterator[Way]:
    """nginx as a streaming proxy: nothing buffered, connections to the upstream kept."""
    with Stage() as stage, tempfile.TemporaryDirectory() as directory:
        port = _free_port()
        timeout = "60s" if timeout_s is None else f"{int(timeout_s * 1000)}ms"
        values = {"dir": directory, "port": port, "upstream": stage.port, "timeout": timeout}
        config = Path(directory) / "nginx.conf"
        config.write_text(_NGINX % values, encoding="utf-8")
        # until it has read its configuration it writes to a log outside
        process = subprocess.Popen(["nginx", "-p", directory, "-e", f"{directory}/error.log", "-c", str(config)])
        try:
            wait_until(lambda: _listens(port), what="nginx")
            yield Way("nginx", stage, f"http://127.0.0.1:{port}", b"127.0.0.1:%d" % stage.port, None)
        finally:
            process.terminate()
            process.wait(END_TIMEOUT_S)


def way_of(name: str, setup: str) -> contextlib.AbstractContextManager[Way]:
    """The way that a row of that setup goes through: `direct`, `nginx` or one of GATEWAYS."""
    if name == "direct":
        return direct()
    if name == "nginx":
        return nginx(HEAD_TIMEOUT_S if setup == "limited" else None)
    return gateway_way_of(setup, GATEWAYS[name])


def gateway_way_of(setup: str, config: dict[str, object]) -> contextlib.AbstractContextManager[Way]:
    """The way through a gateway with these settings beside those of the setup."""
    if setup in _UPSTREAMS:
        return unreachable(setup, config)
    return gateway({**config, **(LIMITS if setup == "limited" else {})})


def has_nginx() -> bool:
    """Whether the report can show it."""
    return shutil.which("nginx") is not None


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
