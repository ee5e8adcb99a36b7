"""Whom a request is for: one table of heads and what is read from them, the same from lines and from pairs."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import AttributionSettings, Settings
from gateway.keys import FINGERPRINT_BYTES, KEY_MAX_BYTES, fingerprint
from gateway.proxy.attribution import TAG_MAX_CHARS, Attribution, attribution_of

SECRET = "a secret of the operator"
KEY = b"AIza-not-a-key"
TARGET = "/v1beta/interactions"

Head = list[tuple[bytes, bytes]]

BY_HEADER = {"team": "header:X-Team"}
BY_BAGGAGE = {"team": "baggage:team", "user": "baggage:user.id"}
BY_KEY = {"team": "key-fingerprint", "fingerprint_secret": SECRET}


def print_of(key: bytes) -> str:
    """As RFC 2104 has it, by other means."""
    return hmac.new(SECRET.encode(), key, hashlib.sha256).hexdigest()[:12]


HEADS = [
    pytest.param(BY_HEADER, [(b"X-Team", b"search")], {"team": "search"}, id="a header"),
    pytest.param(BY_HEADER, [(b"x-tEAM", b"Search")], {"team": "Search"}, id="names have no case, values have"),
    pytest.param(BY_HEADER, [(b"X-Team", b"\t search  ")], {"team": "search"}, id="blanks around a value"),
    pytest.param(BY_HEADER, [(b"X-Team", b"a, b")], {"team": "a, b"}, id="a list is a value"),
    pytest.param(BY_HEADER, [(b"X-Team", b"a"), (b"x-team", b"b")], {"team": "a"}, id="the first of two holds"),
    pytest.param(BY_HEADER, [(b"X-Team", b""), (b"x-team", b"b")], {}, id="an empty value is none"),
    pytest.param(BY_HEADER, [(b"X-Teams", b"a"), (b"Team", b"b"), (b"Y-Team", b"c")], {}, id="other names"),
    pytest.param(BY_HEADER, [], {}, id="no header"),
    pytest.param(BY_HEADER, [(b"X-Team", "équipe".encode())], {"team": "équipe"}, id="UTF-8"),
    pytest.param(BY_HEADER, [(b"X-Team", b"\xe9quipe")], {"team": "équipe"}, id="Latin-1 where it is no UTF-8"),
    pytest.param(BY_HEADER, [(b"X-Team", b"a\tb\xc2\x9b")], {"team": "a?b?"}, id="what can't be printed"),
    pytest.param(
        BY_HEADER, [(b"X-Team", b"x" * 9000)], {"team": "x" * TAG_MAX_CHARS}, id="what is too long for anybody"
    ),
    pytest.param(
        {
            "team": "header:x-team",
            "app": "header:X-App",
            "user": "header:x-user",
            "conversation": "header:x-thread",
            "client": "header:x-client",
        },
        [(b"x-client", b"5"), (b"X-App", b"2"), (b"x-user", b"3"), (b"x-thread", b"4"), (b"x-team", b"1")],
        {"team": "1", "app": "2", "user": "3", "conversation": "4", "client": "5"},
        id="each from its own",
    ),
    pytest.param(
        {"app": "header:x-app", "client": "header:x-app"}, [(b"x-app", b"a")], {"app": "a", "client": "a"}, id="shared"
    ),
    pytest.param(BY_BAGGAGE, [(b"Baggage", b"user.id=7, team=a%20b;x=y")], {"team": "a b", "user": "7"}, id="baggage"),
    pytest.param(BY_BAGGAGE, [(b"baggage", b"a=b"), (b"BAGGAGE", b"team=a")], {"team": "a"}, id="baggage in two lines"),
    pytest.param(BY_BAGGAGE, [(b"baggage", b"Team=a,team")], {}, id="baggage without it"),
    pytest.param(BY_BAGGAGE, [(b"baggage", b"team=%0d%0aa%1b[2J%C3%A9")], {"team": "??a?[2Jé"}, id="controls in it"),
    pytest.param(BY_BAGGAGE, [(b"baggage", b"team=" + b"%41" * 999)], {"team": "A" * TAG_MAX_CHARS}, id="long in it"),
    pytest.param(BY_KEY, [(b"X-Goog-Api-Key", KEY)], {"team": print_of(KEY)}, id="a key in its header"),
    pytest.param(BY_KEY, [(b"Authorization", b"Bearer " + KEY)], {"team": print_of(KEY)}, id="a bearer token"),
    pytest.param(BY_KEY, [(b"authorization", b"bEARER   " + KEY)], {"team": print_of(KEY)}, id="a scheme has no case"),
    pytest.param(BY_KEY, [(b"Authorization", b"Basic " + KEY)], {}, id="another scheme"),
    pytest.param(BY_KEY, [(b"Authorization", b"Bearer")], {}, id="a scheme without a token"),
    pytest.param(
        BY_KEY,
        [(b"Authorization", b"Bearer other"), (b"x-goog-api-key", KEY), (b"x-goog-api-key", b"second")],
        {"team": print_of(KEY)},
        id="the key's own header before the bearer token, the first before the second",
    ),
    pytest.param(
        BY_KEY,
        [(b"x-goog-api-key", b""), (b"Authorization", b"Bearer " + KEY)],
        {"team": print_of(KEY)},
        id="an empty one is none",
    ),
    pytest.param(BY_KEY, [(b"x-goog-api-key", b"k" * (KEY_MAX_BYTES + 1))], {}, id="too long for a key"),
    pytest.param(BY_KEY, [(b"x-team", b"a")], {}, id="no key"),
]

TARGETS = [
    pytest.param("/a?key=AIza-not-a-key", {"team": print_of(KEY)}, id="a key in the query"),
    pytest.param("/a?alt=sse&key=AIza-not-a-key&key=x", {"team": print_of(KEY)}, id="the first of two"),
    pytest.param("/a?key=&k%65y=AIza%2Dnot-a-key", {"team": print_of(KEY)}, id="percent-encoded"),
    pytest.param("/a?key", {}, id="no value"),
    pytest.param("/a?Key=x&apikey=x", {}, id="other names"),
    pytest.param("/a/key=x", {}, id="no query"),
    pytest.param("/a?key=\udcff", {"team": print_of(b"\xff")}, id="bytes that are no text"),
]


def attribution(settings: dict[str, str]) -> Attribution:
    found = attribution_of(AttributionSettings.model_validate(settings))
    assert found is not None
    return found


def both(settings: dict[str, str], head: Head, target: str) -> dict[str, str]:
    """What is read from pairs, and likewise from lines."""
    reader = attribution(settings)
    tags = reader.of_pairs(head, target)
    assert reader.of_lines([name + b": " + value for name, value in head], target) == tags
    return tags


@pytest.mark.parametrize(("settings", "head", "tags"), HEADS)
def test_a_head(settings: dict[str, str], head: Head, tags: dict[str, str]) -> None:
    assert both(settings, head, TARGET) == tags


@pytest.mark.parametrize(("target", "tags"), TARGETS)
def test_a_target(target: str, tags: dict[str, str]) -> None:
    assert both(BY_KEY, [], target) == tags


def test_where_nothing_is_configured_nothing_is_read() -> None:
    assert attribution_of(Settings().attribution) is None
    assert attribution_of(AttributionSettings(fingerprint_secret=SECRET)) is None


def test_other_secrets_give_other_fingerprints() -> None:
    found = {fingerprint(secret, KEY) for secret in (SECRET, SECRET + "x")}

    assert len(found) == 2
    assert {len(one) for one in found} == {2 * FINGERPRINT_BYTES}


WANTED: dict[str, Any] = {**BY_KEY, "app": "header:x-app", "user": "baggage:u", "client": "header:a"}
NAMES = st.sampled_from([b"x-app", b"X-App", b"baggage", b"Authorization", b"x-goog-api-key", b"a", b"b", b""])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=8), st.text(max_size=30))
def test_nothing_raises_and_everything_is_bounded(head: Head, rest: str) -> None:
    tags = both(WANTED, head, f"/a?key={rest}")

    assert tags.keys() <= {"team", "app", "user", "client"}
    assert all(0 < len(value) <= TAG_MAX_CHARS and value.isprintable() for value in tags.values())


def test_a_fault_costs_the_tags_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(KEY)

    monkeypatch.setattr("gateway.proxy.attribution.key_of", broken)

    assert both({**BY_KEY, "app": "header:x-app"}, [(b"x-app", b"a")], TARGET) == {"app": "a"}
