"""Trace and span ids: accounting.md 7."""

from __future__ import annotations

import hashlib

import pytest

from gateway.telemetry.ids import SpanRef, derive, identify, is_kept, parse_traceparent
from gateway.wire.outcome import Outcome
from tests.telemetry.factories import ID, create, poll

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REF = SpanRef(int(TRACE, 16), int(SPAN, 16))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", REF),
        (f"00-{TRACE}-{SPAN}-00", REF),
        (f" 00-{TRACE}-{SPAN}-01 ", REF),
        (f"01-{TRACE}-{SPAN}-01-future", REF),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        ("", None),
        (None, None),
    ],
)
def test_traceparents(header: str | None, expected: SpanRef | None) -> None:
    assert parse_traceparent(header) == expected


def test_a_create_takes_its_ids_from_its_interaction() -> None:
    digest = hashlib.sha256(ID.encode()).hexdigest()
    identity = identify(create())

    assert identity.trace_hex == digest[:32]
    assert f"{identity.main:016x}" == digest[32:48]
    assert identity.parent is None
    assert derive(ID) == SpanRef(identity.trace_id, identity.main)


def test_a_traceparent_wins_and_span_ids_are_random() -> None:
    identity = identify(create(traceparent=f"00-{TRACE}-{SPAN}-00"))

    assert identity.trace_id == REF.trace_id
    assert identity.parent == REF
    assert identity.main != derive(ID).span_id


def test_an_injected_trace_is_that_of_the_exchange() -> None:
    """The upstream request's span is the one that the upstream was told; the others are random."""
    identity = identify(create(injected=f"00-{TRACE}-{SPAN}-01"))

    assert (identity.trace_id, identity.upstream, identity.parent) == (REF.trace_id, REF.span_id, None)
    assert len({identity.main, identity.server, REF.span_id, derive(ID).span_id}) == 4


def test_an_injected_trace_has_the_clients_span_as_parent() -> None:
    identity = identify(create(traceparent=f"00-{TRACE}-{SPAN}-01", injected=f"00-{TRACE}-{'1' * 16}-01"))

    assert (identity.trace_id, identity.parent) == (REF.trace_id, REF)
    assert identity.upstream == int("1" * 16, 16)


def test_a_derived_id_is_taken_once() -> None:
    """An upstream that answers two creates with one id doesn't get two spans of one id."""
    assert identify(create(), is_repeated=True).trace_id != derive(ID).trace_id


def test_polls_and_creates_without_id_are_random() -> None:
    identities = {identify(record).trace_id for record in (poll(), poll(), create(Outcome.FAILED, interaction_id=None))}

    assert len(identities) == 3
    assert derive(ID).trace_id not in identities


def test_an_odd_id_still_has_ids() -> None:
    assert derive("\ud800").trace_id


def test_keeping_is_decided_by_the_trace_id_alone() -> None:
    ids = [derive(f"id-{number}").trace_id for number in range(2000)]
    kept = {ratio: {trace_id for trace_id in ids if is_kept(trace_id, ratio)} for ratio in (0.0, 0.1, 0.5, 1.0)}

    assert kept[0.0] == set()
    assert kept[1.0] == set(ids)
    assert kept[0.1] < kept[0.5]
    assert 150 < len(kept[0.1]) < 250
