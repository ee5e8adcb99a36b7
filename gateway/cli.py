"""The command line: serve, demo, simulate, check-config, fingerprint, healthcheck.

Not here: settings (config.py), what the commands start (supervisor.py, demo/, simulator/).
Promise: a mistake is one clear line on standard error and exit code 2; nothing that a command doesn't need is imported.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import __version__, addresses
from gateway.config import CONFIG_VARIABLE, Settings
from gateway.config_sources import Mistake, SettingsError, described, load, redacted
from gateway.keys import fingerprint

PROGRAM = "interactions-gateway"
EXIT_MISTAKE = 2
HEALTHCHECK_TIMEOUT_S = 3.0
SIMULATE_LISTEN = "127.0.0.1:8090"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (default: the process's own arguments); returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except SettingsError as error:
        for mistake in error.mistakes:
            print(f"{PROGRAM}: {mistake}", file=sys.stderr)
        return EXIT_MISTAKE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="A transparent, observing gateway for the Gemini Interactions API."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="forward to the API and observe")
    _add_settings(serve, "listen", "admin", "upstream", "workers")
    serve.add_argument("--stop-fd", type=int, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="a simulated API, the gateway in front of it, and sample clients")
    _add_settings(demo, "listen", "admin", "upstream", "workers")
    demo.add_argument("--for", dest="duration_s", type=_duration, metavar="DURATION", help="end after that: 20s, 2m")
    demo.set_defaults(run=_demo)

    simulate = commands.add_parser("simulate", help="the simulated API alone")
    simulate.add_argument("--listen", default=SIMULATE_LISTEN, help=f"host:port (default {SIMULATE_LISTEN})")
    simulate.add_argument("--pace", type=float, default=1.0, help="factor on its pauses, 0 for none (default 1)")
    simulate.set_defaults(run=_simulate)

    check = commands.add_parser("check-config", help="print the effective settings, or what is wrong with them")
    _add_settings(check, "listen", "admin", "upstream", "workers")
    check.set_defaults(run=_check_config)

    key = commands.add_parser(
        "fingerprint", help="read an API key from standard input and print its fingerprint, as in the label `team`"
    )
    _add_settings(key)
    key.set_defaults(run=_fingerprint)

    health = commands.add_parser("healthcheck", help="ask a running gateway; exit code 0 if it is well")
    _add_settings(health, "admin")
    health.add_argument("--ready", action="store_true", help="ask whether it is ready, not only alive")
    health.set_defaults(run=_healthcheck)
    return parser


def _add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file; environment and flags go over it")
    for name in names:
        info = Settings.model_fields[name]
        parser.add_argument(f"--{name}", help=f"{info.description} (default {info.default})")
    parser.set_defaults(settings=names)


def _duration(text: str) -> float:
    unit_s = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:])
    try:
        duration_s = float(text[:-1]) * unit_s if unit_s else float(text)
    except ValueError:
        duration_s = 0.0
    if not 0 < duration_s < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 20s or 2m")
    return duration_s


def _settings(options: argparse.Namespace) -> Settings:
    return load(options.config, {name: getattr(options, name) for name in options.settings})


def _with_prices(settings: Settings) -> Settings:
    """The same settings, once their price file was read without a mistake."""
    from gateway.telemetry import pricing_file

    try:
        pricing_file.read(pricing_file.path(settings.pricing.file))
    except pricing_file.PricingError as error:
        raise SettingsError([Mistake("pricing.file", mistake) for mistake in error.mistakes]) from error
    return settings


def _serve(options: argparse.Namespace) -> int:
    if os.name == "nt":
        print(f"{PROGRAM}: serve needs Linux or macOS; elsewhere embed it with create_app()", file=sys.stderr)
        return EXIT_MISTAKE
    # They wait for the supervisor's handlers: as process 1 of a container we would never hear of one that comes before.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    settings = _with_prices(_settings(options))
    # The supervisor is to be small and hard to kill: it starts afresh, without all that read the settings.
    config = options.config or os.environ.get(CONFIG_VARIABLE)
    sources = {
        "config": str(Path(config).absolute()) if config else None,
        "flags": {name: getattr(options, name) for name in options.settings},
    }
    content = json.dumps({"settings": json.loads(settings.model_dump_json()), "sources": sources})
    arguments = ["--settings-fd", str(_on_anonymous_file(content.encode()))]
    if options.stop_fd is not None:
        arguments += ["--stop-fd", str(options.stop_fd)]
    sys.stdout.flush()
    return os.execv(sys.executable, [sys.executable, "-P", "-m", "gateway.supervisor", *arguments])  # noqa: S606


def _on_anonymous_file(content: bytes) -> int:
    if sys.platform == "linux":
        descriptor = os.memfd_create("settings")  # works on a read-only root
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    return descriptor


def _demo(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from gateway.demo.run import run

    flags = [f"--{name}={getattr(options, name)}" for name in ("listen", "admin", "workers") if getattr(options, name)]
    if options.config is not None:
        flags.append(f"--config={options.config}")
    upstream = settings.upstream if options.upstream else None
    return run(flags, upstream=upstream, duration_s=options.duration_s)


def _simulate(options: argparse.Namespace) -> int:
    try:
        host, port = addresses.split_address(options.listen)
    except ValueError as error:
        raise SettingsError([Mistake("--listen", f"must be {error}", repr(redacted(options.listen)))]) from error
    if not 0 <= options.pace < float("inf"):
        raise SettingsError([Mistake("--pace", "must be a number, 0 or more", str(options.pace))])
    from gateway.simulator.server import run

    try:
        return run(host or "::", port, pace=options.pace)
    except OSError as error:
        raise SettingsError(
            [Mistake("--listen", f"can't listen there: {error.strerror or error}", repr(options.listen))]
        ) from error


def _check_config(options: argparse.Namespace) -> int:
    print(described(_with_prices(_settings(options))))
    return 0


def _fingerprint(options: argparse.Namespace) -> int:
    import getpass

    secret = _settings(options).attribution.fingerprint_secret
    if secret is None:
        raise SettingsError([Mistake("attribution.fingerprint_secret", "is not set, and fingerprints are keyed by it")])
    # Never as an argument: other users of the machine can read those, and shells remember them.
    key = (getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not key:
        raise SettingsError([Mistake("standard input", "holds no API key")])
    print(fingerprint(secret, key.encode("utf-8", "surrogateescape")))
    return 0


def _healthcheck(options: argparse.Namespace) -> int:
    import http.client

    address = addresses.reachable(_settings(options).admin)
    host, port = addresses.split_address(address)
    connection = http.client.HTTPConnection(host, port, timeout=HEALTHCHECK_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz" if options.ready else "/healthz")
        answer = connection.getresponse()
        text = answer.read(4096).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        print(f"{PROGRAM}: no answer from http://{address}: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if answer.status != http.client.OK:
        print(f"{PROGRAM}: {answer.status} from http://{address}: {text}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
