"""What a request's line says: route and id by the path's shape, settings of a get, secrets that must not be kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.facts import Mode, RequestFacts
from gateway.wire.outcome import Route
from gateway.wire.request import facts_of_query, mode_of, redact_target, route_of

VERTEX = "/v1beta1/projects/p/locations/l"
OTHER = (Route.PASSTHROUGH, None)

ROUTES = [
    ("POST", "/v1/interactions", (Route.CREATE, None)),
    ("POST", "/v1beta/interactions", (Route.CREATE, None)),
    ("POST", "/v1alpha/interactions", (Route.CREATE, None)),
    ("POST", f"{VERTEX}/interactions", (Route.CREATE, None)),
    ("POST", "/a/prefix/v1/interactions", (Route.CREATE, None)),
    ("POST", "/interactions", (Route.CREATE, None)),
    ("POST", "/v1/interactions?key=K", (Route.CREATE, None)),
    ("POST", "/v1/interactions/", OTHER),
    ("POST", "/v1/interactions/v1_a", OTHER),
    ("POST", "/v1/myinteractions", OTHER),
    ("POST", "/v1/Interactions", OTHER),
    ("POST", "/v1/interactions:batch", OTHER),
    ("PUT", "/v1/interactions", OTHER),
    ("GET", "/v1/interactions", OTHER),
    ("GET", "/v1/interactions/", OTHER),
    ("GET", "/v1/interactions/v1_a", (Route.GET, "v1_a")),
    ("GET", "/v1/interactions/v1_a?stream=true&x=/interactions/b", (Route.GET, "v1_a")),
    ("GET", f"{VERTEX}/interactions/v1_a", (Route.GET, "v1_a")),
    ("GET", "/pfx/v9/interactions/v1_a", (Route.GET, "v1_a")),
    ("GET", "/v1/interactions/v1_a%2Fb%20c%2B%3D", (Route.GET, "v1_a/b c+=")),
    ("GET", "/v1/interactions/a+b=", (Route.GET, "a+b=")),
    ("GET", "/v1/interactions/%ff", (Route.GET, "\ufffd")),
    ("GET", "/v1/interactions/\udcff", (Route.GET, "?")),
    ("GET", "/v1/interactions/" + "x" * 900, (Route.GET, "x" * 512)),
    ("GET", "/v1/interactions/v1_a/", OTHER),
    ("GET", "/v1/interactions/v1_a/cancel", OTHER),
    ("GET", "/v1/interactions/interactions", (Route.GET, "interactions")),
    ("HEAD", "/v1/interactions/v1_a", OTHER),
    ("DELETE", "/v1/interactions/v1_a", (Route.DELETE, "v1_a")),
    ("DELETE", "/v1/interactions", OTHER),
    ("POST", "/v1/interactions/v1_a/cancel", (Route.CANCEL, "v1_a")),
    ("POST", f"{VERTEX}/interactions/v1%5Fa/cancel", (Route.CANCEL, "v1_a")),
    ("POST", "/v1/interactions/v1_a/cancel?x=1", (Route.CANCEL, "v1_a")),
    ("POST", "/v1/interactions/v1_a/cancel/", OTHER),
    ("POST", "/v1/interactions//cancel", OTHER),
    ("POST", "/v1/interactions/v1_a/resume", OTHER),
    ("POST", "/v1beta/models/gemini-x:streamGenerateContent", OTHER),
    ("GET", "/v1beta/files/abc", OTHER),
    ("POST", "/", OTHER),
    ("OPTIONS", "*", OTHER),
    ("GET", "", OTHER),
]


@pytest.mark.parametrize(("method", "path", "route"), ROUTES)
def test_a_route(method: str, path: str, route: tuple[Route, str | None]) -> None:
    """The shape of the path decides, under any version and prefix; the id is decoded."""
    assert route_of(method, path) == route


TARGETS = [
    ("/v1/interactions", "/v1/interactions"),
    ("/v1/interactions?", "/v1/interactions?"),
    ("/a?key=S", "/a?key=REDACTED"),
    ("/a?key=S&alt=sse", "/a?key=REDACTED&alt=sse"),
    ("/a?alt=sse&key=S", "/a?alt=sse&key=REDACTED"),
    ("/a?key=S&x=1&key=S", "/a?key=REDACTED&x=1&key=REDACTED"),
    ("/a?KEY=S", "/a?KEY=REDACTED"),
    ("/a?Key=S", "/a?Key=REDACTED"),
    ("/a?k%65y=S", "/a?k%65y=REDACTED"),
    ("/a?%6B%65%79=S", "/a?%6B%65%79=REDACTED"),
    ("/a?+key=S", "/a?+key=REDACTED"),
    ("/a?key+=S", "/a?key+=REDACTED"),
    ("/a?%20key%20=S", "/a?%20key%20=REDACTED"),
    ("/a?key=S=T", "/a?key=REDACTED"),
    ("/a?x=1;key=S", "/a?x=1;key=REDACTED"),
    ("/a?x=1?key=S", "/a?x=1?key=REDACTED"),
    ("/a??key=S", "/a??key=REDACTED"),
    ("/a?&&key=S&", "/a?&&key=REDACTED&"),
    ("/a?$key=S", "/a?$key=REDACTED"),
    ("/a?%24key=S", "/a?%24key=REDACTED"),
    ("/a?access_token=S", "/a?access_token=REDACTED"),
    (
        "/a?oauth_token=S&api_key=S&apikey=S&token=S",
        "/a?oauth_token=REDACTED&api_key=REDACTED&apikey=REDACTED&token=REDACTED",
    ),
    ("/a?X-Goog-Api-Key=S&Authorization=S", "/a?X-Goog-Api-Key=REDACTED&Authorization=REDACTED"),
    ("/a?key=", "/a?key=REDACTED"),
    ("/a?key", "/a?key"),
    ("/a?monkey=1&keys=2&key2=3", "/a?monkey=1&keys=2&key2=3"),
    ("/a?q=key&page_token=x", "/a?q=key&page_token=x"),
    ("/a?x=%00&y=\udcff&key=S", "/a?x=%00&y=\udcff&key=REDACTED"),
]


@pytest.mark.parametrize(("target", "redacted"), TARGETS)
def test_redaction(target: str, redacted: str) -> None:
    """The value of a secret goes, however its name is written; all else stays as it came."""
    assert redact_target(target) == redacted
    assert redact_target(redacted) == redacted


@settings(deadline=None)
@given(st.text(st.sampled_from("ab=&;?%+/#"), max_size=30), st.text(st.sampled_from("ab=&;?%+/#"), max_size=30))
def test_a_secret_is_found_among_anything(before: str, after: str) -> None:
    """Wherever the parameter stands, its value does not get through."""
    assert "SECRET" not in redact_target(f"/p?{before}&key=SECRET&{after}")
    assert redact_target(f"/p?{before}") == f"/p?{before}"


QUERIES = [
    ("", False, None),
    ("stream=true", True, None),
    ("stream=True", True, None),
    ("stream=1", True, None),
    ("stream=false", False, None),
    ("stream=0", False, None),
    ("stream=", False, None),
    ("stream", False, None),
    ("stream=yes", False, None),
    ("stream=true&stream=false", False, None),
    ("streams=true", False, None),
    ("stream=true&last_event_id=evt_0005", True, "evt_0005"),
    ("last_event_id=a%2Fb+c&include_input=true", False, "a/b c"),
    ("last_event_id=", False, ""),
    ("last_event_id=%ff&&=&;", False, "\ufffd"),
    ("last_event_id=" + "x" * 900, False, "x" * 512),
]


@pytest.mark.parametrize(("query", "stream", "last_event_id"), QUERIES)
def test_the_query_of_a_get(query: str, stream: bool, last_event_id: str | None) -> None:
    """The value decides: both SDKs send `stream=false` on every plain get."""
    facts = RequestFacts()
    facts_of_query(facts, query)

    assert (facts.stream, facts.last_event_id) == (stream, last_event_id)


@pytest.mark.parametrize(
    ("background", "streams", "mode"),
    [
        (False, True, Mode.STREAM),
        (False, False, Mode.UNARY),
        (True, True, Mode.BACKGROUND),
        (True, False, Mode.BACKGROUND),
    ],
)
def test_the_mode(background: bool, streams: bool, mode: Mode) -> None:
    """Background before stream, stream before unary."""
    assert mode_of(RequestFacts(background=background), streams=streams) is mode
