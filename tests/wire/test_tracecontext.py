"""Trace context: which headers name a span, what of a tracestate is valid; one table for each header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.tracecontext import (
    TRACESTATE_MAX_CHARS,
    TRACESTATE_READ_CHARS,
    cut_tracestate,
    read_traceparent,
    read_tracestate,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}"

PARENTS = [
    pytest.param(f"{GIVEN}-01", f"{GIVEN}-01", id="sampled"),
    pytest.param(f"{GIVEN}-00", f"{GIVEN}-00", id="not sampled"),
    pytest.param(f"{GIVEN}-03", f"{GIVEN}-03", id="random"),
    pytest.param(f"{GIVEN}-ff", f"{GIVEN}-03", id="flags that are not known are not passed on"),
    pytest.param(f" \t{GIVEN}-01 ", f"{GIVEN}-01", id="blanks around"),
    pytest.param(f"01-{TRACE}-{SPAN}-01", f"{GIVEN}-01", id="a version to come"),
    pytest.param(f"01-{TRACE}-{SPAN}-01-future", f"{GIVEN}-01", id="a version to come may have more, behind a dash"),
    pytest.param(f"01-{TRACE}-{SPAN}-01future", None, id="not without one"),
    pytest.param(f"{GIVEN}-01-more", None, id="version 00 has no more"),
    pytest.param(f"{GIVEN}-01-", None, id="not even a dash"),
    pytest.param(f"ff-{TRACE}-{SPAN}-01", None, id="version ff is none"),
    pytest.param(f"{GIVEN}-01,{GIVEN}-01", None, id="twice, and the same"),
    pytest.param(f"01-{TRACE}-{SPAN}-01-a,01-{TRACE}-{SPAN}-01-b", None, id="twice, in a version to come"),
    pytest.param(f"00-{'0' * 32}-{SPAN}-01", None, id="no trace"),
    pytest.param(f"00-{TRACE}-{'0' * 16}-01", None, id="no span"),
    pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", None, id="upper case"),
    pytest.param(GIVEN, None, id="no flags"),
    pytest.param(f"{GIVEN}-1", None, id="half a byte of flags"),
    pytest.param(f"0-{TRACE}-{SPAN}-01", None, id="half a version"),
    pytest.param(f"00-{TRACE}-{SPAN}-01\n", None, id="a line end"),
    pytest.param("", None, id="empty"),
    pytest.param(None, None, id="missing"),
]


@pytest.mark.parametrize(("header", "expected"), PARENTS)
def test_traceparent(header: str | None, expected: str | None) -> None:
    found = read_traceparent(header)

    assert (None if found is None else str(found)) == expected


STATES = [
    pytest.param("a=1,b=2", "a=1,b=2", id="a list"),
    pytest.param(" a=1\t, b=2 ", "a=1,b=2", id="blanks around members"),
    pytest.param("a=1,,b=2,", "a=1,b=2", id="empty members"),
    pytest.param("fw529a3039@dt=FfffffPgBa,0a@x=!", "fw529a3039@dt=FfffffPgBa,0a@x=!", id="tenants"),
    pytest.param("a=1 2", "a=1 2", id="a blank within a value"),
    pytest.param("a=1,a=2,b=3", "a=1,b=3", id="of a key that stands twice the first holds"),
    pytest.param("a=1,B=2", "", id="upper case in a key"),
    pytest.param("a=1,b", "", id="no value"),
    pytest.param("a=1,b=", "", id="an empty value"),
    pytest.param("a=1,=2", "", id="no key"),
    pytest.param("a=1=2", "", id="a value with ="),
    pytest.param("a=\u00e9", "", id="not ASCII"),
    pytest.param(",".join(f"k{number}=1" for number in range(32)), None, id="32 members"),
    pytest.param(",".join(f"k{number}=1" for number in range(33)), "", id="33 members"),
    pytest.param(f"a={'x' * 256}", None, id="the longest value"),
    pytest.param(f"a={'x' * 257}", "", id="too long a value"),
    pytest.param("", "", id="empty"),
    pytest.param(None, "", id="missing"),
]


@pytest.mark.parametrize(("header", "expected"), STATES)
def test_tracestate(header: str | None, expected: str | None) -> None:
    assert read_tracestate(header) == (header if expected is None else expected)


def test_of_an_over_long_tracestate_long_members_go_first_then_the_last() -> None:
    long, short = f"long={'x' * 124}", [f"k{number:02}={'y' * 20}" for number in range(20)]

    assert read_tracestate(",".join([long, *short])) == ",".join(short)
    assert read_tracestate(",".join([*short, *(f"m{number}={'z' * 90}" for number in range(3))])) == ",".join(short)
    assert read_tracestate(",".join([long, *(f"l{number}={'z' * 150}" for number in range(3))])).startswith("long=")


def test_a_member_beyond_what_is_read_is_left_out_whole() -> None:
    header = ",".join(f"k{number}={'x' * 100}" for number in range(30))
    cut = cut_tracestate(header)

    assert cut is not None
    assert TRACESTATE_READ_CHARS - 110 < len(cut) <= TRACESTATE_READ_CHARS
    assert header.startswith(cut + ",")
    assert cut_tracestate("a=1") == "a=1"
    assert cut_tracestate(None) is None


@given(st.text())
def test_nothing_raises(header: str) -> None:
    read_traceparent(header)

    assert len(read_tracestate(header)) <= TRACESTATE_MAX_CHARS


@given(st.lists(st.from_regex(r"\A[a-z][a-z0-9]{0,9}=[!-+]{1,60}\Z"), max_size=40))
def test_what_is_kept_is_a_part_of_what_came_in_its_order(members: list[str]) -> None:
    kept = read_tracestate(",".join(members))
    rest = iter(members)

    assert all(member in rest for member in kept.split(",") if kept)
    assert read_tracestate(kept) == kept
