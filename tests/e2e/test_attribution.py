"""Whom exchanges are for, through a whole gateway: made-up values take no place, keys leave as fingerprints only.

Not here: what is read of which head (proxy/test_attribution.py), a hundred thousand values
(telemetry/test_hostile_values.py), whether the numbers are true (tests/exact).
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.raw import Client, Conversation, Upstream
from tests.forwarding import command
from tests.gateway_process import GatewayProcess, SimulatorProcess
from tests.otlp_receiver import OtlpReceiver

CONNECTIONS, REQUESTS = 4, 600  # on each of them
WARM = 250  # requests on each, after which memory stands still
GROWTH_MAX_BYTES = 4 * 1024 * 1024
PAGE_BYTES = 4096
TEAMS, MODELS = 5, 4

SECRET = "SECRETMARKER of the operator"
KEYS = ("SECRETMARKER-one", "SECRETMARKER-two", "SECRETMARKER-three", "SECRETMARKER-four")


def hostile(conversation: Conversation) -> None:
    """Answers with words that nobody knows, a new one each time: refuses every second request."""
    while (request := conversation.request()) is not None:
        word = request.value("user-agent")
        if int(word[1:], 16) % 2:
            body = json.dumps({"error": {"code": word, "message": word, "status": word}}).encode()
            head, kind = b"403 Forbidden", b"application/json"
        else:
            events = (
                {"event_type": "interaction.created", "interaction": {"id": word, "model": word, "status": word}},
                {"event_type": "step.start", "index": 0, "step": {"type": word}},
                {"event_type": "step.delta", "index": 0, "delta": {"type": word}},
                {"event_type": word},
                {"event_type": "error", "error": {"code": word}},
            )
            body = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)
            head, kind = b"200 OK", b"text/event-stream"
        conversation.head(b"Content-Type: " + kind, b"Content-Length: %d" % len(body), status=head)
        conversation.send(body)


def ask(url: str, first: int, count: int, failures: list[str]) -> None:
    """Requests with a new word in every place, on one connection."""
    with Client(url) as client:
        for number in range(first, first + count):
            word = f"x{number:x}"
            client.ask(
                f"/v1beta/interactions?{word}={word}",
                json.dumps({"model": f"gemini-{word}", "input": word, "stream": True}).encode(),
                headers={
                    "User-Agent": word,
                    "X-Team": f"team-{word}",
                    "X-App": word,
                    "baggage": f"user={word}",
                    "Api-Revision": word,
                    "traceparent": word,
                },
            )
            if client.answer().ending != "clean":
                failures.append(word)


def resident_bytes(pid: int) -> int:
    """Memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * PAGE_BYTES


def test_made_up_values_take_no_place_of_honest_ones_and_leave_series_and_memory_bounded() -> None:
    """Those that the upstream refuses take none at all, the others no more than there are, and each fold is counted."""
    settings = {
        "attribution.team": "header:x-team",
        "attribution.app": "header:x-app",
        "attribution.user": "baggage:user",
        "labels.teams": "honest",
        "labels.max_teams": TEAMS,
        "labels.max_models": MODELS,
        "labels.max_series": 600,
        "usage.remembered_interactions": 100,
    }
    sent, failures = 0, list[str]()
    with Upstream(hostile) as upstream, GatewayProcess(upstream.url, config=settings) as gateway:
        for count in (WARM, REQUESTS - WARM):
            firsts = [sent + count * at for at in range(CONNECTIONS)]
            threads = [threading.Thread(target=ask, args=(gateway.url, first, count, failures)) for first in firsts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            sent += count * CONNECTIONS
            scrape = gateway.settled(sent, timeout_s=30)
            if count == WARM:
                warm_bytes = resident_bytes(gateway.pids.observer)
        grown_bytes = resident_bytes(gateway.pids.observer) - warm_bytes
        with Client(gateway.url) as client:
            client.ask(headers={"X-Team": "honest", "User-Agent": "x1"})  # refused, and known all the same
            client.answer()
        last = gateway.settled(sent + 1)
        text = gateway.metrics_text()
        logged = gateway.events("exchange")
    teams = {dict(labels)["team"] for labels in last.labelled("requests_total")}
    models = {dict(labels)["model"] for labels in last.labelled("requests_total")}

    assert failures == []
    assert last.total("requests_total") == sent + 1
    assert last.total("requests_total", team="honest", outcome="http_error") == 1
    assert len(teams) == TEAMS + 1
    assert {"honest", "other"} < teams
    assert len(models) == MODELS + 1
    assert scrape.total("label_overflow_total", label="team") == sent - (TEAMS - 1)
    assert scrape.total("label_overflow_total", label="model") > sent / 2
    assert scrape.total("label_overflow_total", label="code") == sent / 2
    assert sum(not line.startswith("#") for line in text.splitlines()) < 1_000
    assert grown_bytes < GROWTH_MAX_BYTES
    assert len({line["team"] for line in logged}) == sent + 1
    assert all(line["app"] == line["user"] for line in logged if line["team"] != "honest")


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as running:
        yield running


def fingerprint(key: str, env: dict[str, str]) -> str:
    """As an operator gets it."""
    done = subprocess.run(
        [command(), "fingerprint"], input=key, env=env, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def test_a_key_leaves_as_its_fingerprint_only_and_the_secret_not_at_all(
    simulator: SimulatorProcess, receiver: OtlpReceiver
) -> None:
    """In whichever place it came, also into refusals, own errors and the settings as they are printed."""
    settings = {"attribution.team": "key-fingerprint", "proxy.max_request_body_bytes": 100}
    env = {
        "INTERACTIONS_GATEWAY_ATTRIBUTION__FINGERPRINT_SECRET": SECRET,
        "INTERACTIONS_GATEWAY_ATTRIBUTION__TEAM_NAMES": "",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    wanted = [fingerprint(key, env) for key in KEYS]
    env["INTERACTIONS_GATEWAY_ATTRIBUTION__TEAM_NAMES"] = f"{wanted[2]}=search"
    one, two, three, four = KEYS
    asks: list[tuple[str, dict[str, str], bytes]] = [
        ("/v1beta/interactions", {"x-goog-api-key": one}, b'{"model":"gemini-3-flash-preview"}'),
        ("/v1beta/interactions", {"Authorization": f"Bearer {two}"}, b'{"model":"gemini-3-flash-preview"}'),
        (f"/v1beta/interactions?alt=sse&key={three}", {}, b'{"model":"gemini-3-flash-preview"}'),
        (f"/v1beta/interactions?key={three}", {"X-Goog-Api-Key": four, "Connection": "x-goog-api-key"}, b"{}"),
        ("/v1beta/interactions", {"x-goog-api-key": one}, b"x" * 101),
        (f"/v1beta/nowhere?key={two}", {"Authorization": f"Basic {one}"}, b"{}"),
        (f"nowhere?key={two}", {"x-goog-api-key": one}, b"{}"),
    ]
    answers = []
    with GatewayProcess(simulator.url, config=settings, env=env) as gateway:
        for target, headers, body in asks:
            with Client(gateway.url) as client:
                client.ask(target, body, headers=headers)
                answers.append(client.answer())
        scrape = gateway.settled(len(asks))
        receiver.wait_for(lambda spans: sum(span.kind == "SERVER" for span in spans) == len(asks))
        texts = [gateway.metrics_text(), gateway.metrics_text("application/openmetrics-text")]
        processes = [gateway.pids.supervisor, gateway.pids.observer, *gateway.pids.forwarders]
        texts += [Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8") for pid in processes]
        logged = gateway.events("exchange")
        texts += gateway.log_lines()
    printed = subprocess.run([command(), "check-config"], env=env, capture_output=True, text=True, timeout=30)
    texts += [printed.stdout, printed.stderr, *map(repr, receiver.spans)]
    texts += [repr(answer) for answer in answers if answer.value("x-interactions-gateway-error")]
    by_outcome = [(line["outcome"], line.get("team")) for line in logged]

    assert [answer.status for answer in answers] == [200, 200, 200, 200, 413, 404, 400]
    assert by_outcome == [
        ("completed", wanted[0]),
        ("completed", wanted[1]),
        ("completed", "search"),
        ("completed", wanted[3]),
        ("rejected", wanted[0]),
        ("http_error", wanted[1]),
        ("rejected", None),  # no head could be read
    ]
    assert scrape.total("requests_total", team=wanted[0]) == 2
    assert scrape.total("requests_total", team="search") == 1
    assert scrape.total("requests_total", team="none", outcome="rejected") == 1
    assert {span.attributes.get("interactions.team") for span in receiver.spans if span.kind == "SERVER"} == {
        *(wanted[0], wanted[1], "search", wanted[3], None),
    }
    assert printed.returncode == 0
    assert "# fingerprint_secret is set" in printed.stdout
    assert [word for word in ("SECRETMARKER", *KEYS, SECRET) if word in "\n".join(texts)] == []


@pytest.mark.parametrize("strip", [False, True])
def test_what_says_whom_a_request_is_for_travels_on_as_it_came_unless_told_otherwise(strip: bool) -> None:
    """Transparency is the rule. Stripped are the headers that are named, wherever they stand, and no other line."""
    settings = {
        "attribution.team": "header:x-team",
        "attribution.user": "baggage:user",
        "attribution.app": "header:host",
        "attribution.strip": strip,
    }

    def script(conversation: Conversation) -> None:
        while conversation.request() is not None:
            conversation.head(b"Content-Length: 0")

    team = {"X-TEAM": "search", "x-team": "second"}
    rest = {"Baggage": "user=1, b=2;p", "x-goog-api-key": KEYS[0], "X-Teams": "3"}
    with Upstream(script) as upstream, GatewayProcess(upstream.url, config=settings) as gateway:
        with Client(gateway.url) as client:
            for _ in range(2):  # on one connection, whose lines may be remembered
                client.ask(headers={"X-TEAM": "search", **rest, "x-team": "second"}, body=None, method="GET")
                client.answer()
        gateway.settled(2)
        lines = gateway.events("exchange")
    sent = [("X-TEAM", "search"), *rest.items(), ("x-team", "second")]
    wanted = [("Host", f"127.0.0.1:{upstream.port}"), *(pair for pair in sent if not (strip and pair[0] in team))]

    for request in upstream.requests:
        assert [(name.decode(), value.decode()) for name, value in request.headers] == wanted
    assert [(line["team"], line["user"], line["app"]) for line in lines] == [("search", "1", "gateway.test")] * 2
