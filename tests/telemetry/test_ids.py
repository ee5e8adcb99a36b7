"""Trace and span ids: accounting.md 7."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from gateway.records import ExchangeClosed, ExchangeOpened
from gateway.telemetry.ids import Identity, SpanRef, derive, identify, parse_traceparent, settled
from gateway.wire.facts import Mode, RequestFacts
from gateway.wire.outcome import Outcome, Route
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


def test_a_traceparent_wins_and_span_ids_are_the_exchanges_own() -> None:
    header = f"00-{TRACE}-{SPAN}-00"
    identity, other = (identify(create(traceparent=header, exchange_id=exchange_id)) for exchange_id in ("x1", "x2"))

    assert identity.trace_id == other.trace_id == REF.trace_id
    assert identity.parent == REF
    assert len({identity.main, identity.server, other.main, other.server, derive(ID).span_id}) == 5


def test_an_injected_trace_is_that_of_the_exchange() -> None:
    """The upstream request's span is the one that the upstream was told; the others are its own."""
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


def test_polls_and_creates_without_id_have_a_trace_of_their_own() -> None:
    records = (poll(), poll(exchange_id="x2"), create(Outcome.FAILED, interaction_id=None, exchange_id="x3"))
    identities = {identify(record).trace_id for record in records}

    assert len(identities) == 3
    assert derive(ID).trace_id not in identities


RECORDS = [create(), create(traceparent=f"00-{TRACE}-{SPAN}-01"), poll(), create(interaction_id=None)]


@pytest.mark.parametrize("record", RECORDS)
def test_ids_are_the_same_while_it_is_open_and_for_whoever_asks(record: ExchangeClosed) -> None:
    """A step that is sent early, and an observer that takes over, rest on it."""
    opened = ExchangeOpened(
        record.exchange_id, 0, record.route, record.mode, record.request, traceparent=record.traceparent
    )
    interaction_id = record.stream.interaction.id

    assert identify(record) == identify(dataclasses.replace(record, outcome=Outcome.GATEWAY_ERROR))
    assert settled(opened, interaction_id) == (None if record == RECORDS[3] else identify(record))


def test_a_create_is_not_settled_before_its_id_is_known() -> None:
    opened = ExchangeOpened("x1", 0, Route.CREATE, Mode.STREAM, RequestFacts())

    assert settled(opened, None) is None
    assert settled(opened, ID) == identify(create())


def test_the_ids_of_steps_and_tools_are_all_different() -> None:
    for main in (1, (1 << 64) - 1, identify(create()).main):
        identity = Identity(1, None, 2, main)
        ids = [span for number in range(1024) for span in (identity.step_span(number), identity.tool_span(number))]

        assert len({*ids, main}) == 2049
        assert all(span is not None and 0 < span < 1 << 64 for span in ids)
    assert identity.step_span(-1) is identity.tool_span(-1) is None  # a place that isn't known: any id


def test_an_odd_id_still_has_ids() -> None:
    assert derive("\ud800").trace_id
