"""What stands between the load and the upstream: nothing, nginx, haproxy, a minimal aiohttp proxy, the gateway.

Not here: what is measured of them, the peers with environments of their own (peers.py).
Promise: every target is started anew for each measurement and ends with its context. The gateway runs with everything
on: tap, metrics, a trace of every exchange sent to the bench's receiver; its log goes to /dev/null.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench import certificate
from tests.bench.measure import tree
from tests.bench.processes import ROOT, answers, free_port, listens, module, running, wait_until
from tests.forwarding import COMMANDS

TOOLS: Final = ROOT / ".cache" / "bench" / "tools" / "root" / "usr"
INTERACTIONS: Final = "/v1beta/interactions"
NO_INTERACTIONS: Final = "/v1beta/bench"  # forwarded like all else, and not read by the tap

PATH_ROLE: Final = "path"  # the processes that forward
OTHER_ROLES: Final = ("observer", "supervisor")


@dataclass(frozen=True, slots=True)
class Site:
    """What the targets have in common: upstream, receiver of spans, a folder for their files."""

    plain_port: int
    tls_port: int
    certificate: Path
    sink_port: int
    folder: Path
    upstream_pid: int


@dataclass(frozen=True, slots=True)
class Started:
    """A running target. pids: by role. tls: clients speak TLS to it. admin_url: where it has metrics."""

    port: int
    pids: Mapping[str, Sequence[int]]
    tls: bool = False
    path: str = INTERACTIONS
    settle: tuple[str, ...] = ()
    admin_url: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """start: with the site, and whether TLS is spoken to the upstream."""

    name: str
    title: str
    start: Callable[[Site, bool], AbstractContextManager[Started]]
    missing: Callable[[], str | None] = field(default=lambda: None)


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A running upstream and receiver."""
    certificate_path, key_path = certificate.make(folder)
    with (
        module("upstream", certificate_path, key_path) as (upstream, ports),
        module("sink") as (_, sink),
    ):
        yield Site(ports["plain"], ports["tls"], certificate_path, sink["port"], folder, upstream.pid)


@contextmanager
def direct(site: Site, tls: bool) -> Iterator[Started]:
    """The upstream itself."""
    yield Started(site.tls_port if tls else site.plain_port, {}, tls=tls)


_NGINX: Final = """
daemon off; worker_processes 1; worker_rlimit_nofile 65536; pid {folder}/nginx.pid; {user}
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  upstream bench {{ server 127.0.0.1:{upstream}; keepalive 4096; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass {scheme}://bench; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 1h;
      {tls}
    }}
  }}
}}
"""
_NGINX_TLS: Final = """
      proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse on; proxy_ssl_name localhost; proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {certificate};
"""


@contextmanager
def nginx(site: Site, tls: bool) -> Iterator[Started]:
    """nginx with one worker, nothing buffered, connections and TLS sessions to the upstream kept."""
    port = free_port()
    config, errors = site.folder / "nginx.conf", site.folder / "nginx.log"
    config.write_text(
        _NGINX.format(
            folder=site.folder,
            user="user root;" if os.geteuid() == 0 else "",
            port=port,
            upstream=site.tls_port if tls else site.plain_port,
            scheme="https" if tls else "http",
            tls=_NGINX_TLS.format(certificate=site.certificate) if tls else "",
        ),
        encoding="utf-8",
    )
    command: list[str | Path] = [_tool("nginx"), "-p", site.folder, "-e", errors, "-c", config]
    with running(command, env=_libraries(), errors=errors) as process:
        wait_until(lambda: listens(port), process, errors, "nginx")
        yield Started(port, {PATH_ROLE: tree(process.pid)})


_HAPROXY: Final = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  option http-keep-alive
  option http-no-delay
  http-reuse always
frontend bench
  bind 127.0.0.1:{port} backlog 4096
  default_backend upstream
backend upstream
  server upstream 127.0.0.1:{upstream} pool-max-conn -1 {tls}
"""


@contextmanager
def haproxy(site: Site, tls: bool) -> Iterator[Started]:
    """haproxy with one thread."""
    port = free_port()
    config, errors = site.folder / "haproxy.cfg", site.folder / "haproxy.log"
    config.write_text(
        _HAPROXY.format(
            port=port,
            upstream=site.tls_port if tls else site.plain_port,
            tls=f"ssl verify required verifyhost localhost sni str(localhost) ca-file {site.certificate}"
            if tls
            else "",
        ),
        encoding="utf-8",
    )
    with running([_tool("haproxy"), "-db", "-f", config], env=_libraries(), errors=errors) as process:
        wait_until(lambda: listens(port), process, errors, "haproxy")
        yield Started(port, {PATH_ROLE: tree(process.pid)})


@contextmanager
def aiohttp(site: Site, tls: bool) -> Iterator[Started]:
    """The minimal proxy of aiohttp_proxy.py."""
    arguments: tuple[str | Path, ...] = (f"http://127.0.0.1:{site.plain_port}",)
    if tls:
        arguments = (f"https://127.0.0.1:{site.tls_port}", site.certificate)
    with module("aiohttp_proxy", *arguments) as (process, where):
        yield Started(where["port"], {PATH_ROLE: tree(process.pid)})


@contextmanager
def gateway(
    site: Site,
    tls: bool,
    *,
    settings: Mapping[str, str] | None = None,
    workers: int = 1,
    path: str = INTERACTIONS,
    core: int | None = None,
    build: str = "compiled",
) -> Iterator[Started]:
    """The installed command. settings: by dotted key. core: the one CPU that all its processes share.

    build: `compiled`, as images carry it, or `python`.
    """
    port, admin_port = free_port(), free_port()
    errors = site.folder / "gateway.log"
    given = {"grace_period_s": "2", **(settings or {})}
    if tls:
        given["proxy.ca_file"] = str(site.certificate)
    env = {f"INTERACTIONS_GATEWAY_{key.replace('.', '__').upper()}": value for key, value in given.items()}
    env["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{site.sink_port}"
    upstream = f"https://127.0.0.1:{site.tls_port}" if tls else f"http://127.0.0.1:{site.plain_port}"
    command: list[str | Path] = [
        *(COMMANDS[build], "serve", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin_port}"),
        *("--upstream", upstream, "--workers", str(workers)),
    ]
    if core is not None:
        command = ["taskset", "--cpu-list", str(core), *command]
    with running(command, env=env, errors=errors) as process:
        admin_url = f"http://127.0.0.1:{admin_port}"
        wait_until(lambda: answers(f"{admin_url}/readyz"), process, errors, "the gateway")
        pids: dict[str, list[int]] = {PATH_ROLE: [], "observer": [], "supervisor": []}
        for pid in tree(process.pid):
            pids[_role(pid)].append(pid)
        yield Started(port, pids, path=path, settle=(PATH_ROLE, "observer"), admin_url=admin_url)


def _role(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    if b"gateway.forwarder" in command:
        return PATH_ROLE
    return "observer" if b"gateway.observer" in command else "supervisor"


def _tool(name: str) -> Path:
    fetched = TOOLS / "sbin" / name
    found = shutil.which(name)
    return fetched if fetched.exists() or found is None else Path(found)


def _libraries() -> dict[str, str]:
    """Beside a fetched program are the libraries that it was fetched with."""
    folders = [str(folder) for folder in (TOOLS / "lib").glob("*-linux-gnu")]
    return {"LD_LIBRARY_PATH": os.pathsep.join(folders)} if folders else {}


def _no_tool(name: str) -> Callable[[], str | None]:
    return lambda: None if _tool(name).exists() else f"{name} is not installed (make bench fetches it)"


def _gateway(**options: Any) -> Callable[[Site, bool], AbstractContextManager[Started]]:
    return lambda site, tls: gateway(site, tls, **options)


def _not_compiled() -> str | None:
    command = COMMANDS["compiled"]
    if not command.exists():
        return "the compiled build is not there (make compiled)"
    newest_s = max(source.stat().st_mtime for source in (ROOT / "gateway").rglob("*.py"))
    return (
        "the compiled build is older than the sources (make compiled)" if newest_s > command.stat().st_mtime else None
    )


_FAST, _PLAIN = {"proxy.path": "fast"}, {"proxy.path": "plain"}
TARGETS: Final = {
    target.name: target
    for target in (
        Target("direct", "no proxy", direct),
        Target("nginx", "nginx, 1 worker", nginx, _no_tool("nginx")),
        Target("haproxy", "haproxy, 1 thread", haproxy, _no_tool("haproxy")),
        Target("gateway", "the gateway", _gateway(settings=_FAST), _not_compiled),
        Target("gateway-python", "the gateway, not compiled", _gateway(settings=_FAST, build="python")),
        Target("gateway-plain", "the gateway, plain path", _gateway(settings=_PLAIN), _not_compiled),
        Target(
            "gateway-untapped", "the gateway, no tap", _gateway(settings=_FAST, path=NO_INTERACTIONS), _not_compiled
        ),
        Target("gateway-2", "the gateway, 2 forwarders", _gateway(settings=_FAST, workers=2), _not_compiled),
        Target("gateway-1core", "the gateway on 1 core", _gateway(settings=_FAST, core=0), _not_compiled),
        Target("aiohttp", "minimal aiohttp proxy", aiohttp),
    )
}
