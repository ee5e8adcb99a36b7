"""The `baggage` header: one table of what stands in it and what is read, and that it is bounded whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.baggage import MAX_BYTES, MAX_MEMBERS, VALUE_MAX_CHARS, members

WANTED = frozenset({"team", "user.id", "team%20x"})

HEADERS = [
    pytest.param(["team=red"], {"team": "red"}, id="one member"),
    pytest.param(["a=b,team=red,user.id=7"], {"team": "red", "user.id": "7"}, id="those asked for among others"),
    pytest.param(["team = red\t, user.id =\t7"], {"team": "red", "user.id": "7"}, id="blanks around = and ,"),
    pytest.param(["a=b", "team=red"], {"team": "red"}, id="several lines are one list"),
    pytest.param(["team=red;ttl=5;x, user.id=7 ; x"], {"team": "red", "user.id": "7"}, id="properties end a value"),
    pytest.param(["team=a%20b%2Cc%3D%C3%A9"], {"team": "a b,c=é"}, id="percent-encoded UTF-8"),
    pytest.param(["team=a+b"], {"team": "a+b"}, id="a plus is a plus"),
    pytest.param(["team=a=b"], {"team": "a=b"}, id="a value may hold ="),
    pytest.param(["team=%ff%zz%"], {"team": "\ufffd%zz%"}, id="what is no UTF-8 is replaced, what is no code stays"),
    pytest.param(["team=red,team=blue"], {"team": "blue"}, id="the last of a key holds"),
    pytest.param(["Team=red"], {}, id="keys are case-sensitive"),
    pytest.param(["team%20x=red"], {"team%20x": "red"}, id="keys are not decoded"),
    pytest.param(["team=,user.id"], {}, id="no value, no ="),
    pytest.param(["team=a b"], {}, id="a blank within a value"),
    pytest.param(['team="red"'], {}, id="quotes"),
    pytest.param(["team=a\\b"], {}, id="a backslash"),
    pytest.param([",,team=red,,"], {"team": "red"}, id="empty members"),
    pytest.param([""], {}, id="an empty header"),
    pytest.param([], {}, id="no header"),
]


@pytest.mark.parametrize(("lines", "expected"), HEADERS)
def test_members(lines: list[str], expected: dict[str, str]) -> None:
    assert members(lines, WANTED) == expected


def test_a_long_value_is_cut() -> None:
    assert members(["team=" + "%C3%A9" * VALUE_MAX_CHARS * 2], WANTED) == {"team": "é" * VALUE_MAX_CHARS}


def test_a_member_that_goes_beyond_the_size_is_not_read() -> None:
    """Half a value would be another value."""
    room = MAX_BYTES - len("x=,user.id=7,team=red")
    fits = f"x={'y' * room},user.id=7,team=red"

    assert members([fits], WANTED) == {"user.id": "7", "team": "red"}
    assert members(["y" + fits], WANTED) == {"user.id": "7"}


def test_members_beyond_the_number_are_not_read() -> None:
    many = ",".join(["x=1"] * (MAX_MEMBERS - 1))

    assert members([f"{many},team=red"], WANTED) == {"team": "red"}
    assert members([f"{many},x=1,team=red"], WANTED) == {}


@given(st.lists(st.text(), max_size=3))
def test_nothing_raises(lines: list[str]) -> None:
    assert all(0 < len(value) <= VALUE_MAX_CHARS for value in members(lines, WANTED).values())
