"""The conformance suite: each row holds without a gateway, and holds through each form of the gateway."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.conformance.accepted import ACCEPTED
from tests.conformance.proxies import GATEWAYS, Way
from tests.conformance.rows import Row
from tests.conformance.table import GROUPS, ROWS
from tests.forwarding import chosen_path
from tests.gateway_process import GatewayProcess, Scrape, wait_until

Ways = Callable[[str, str], Way]


def through(*names: str) -> pytest.MarkDecorator:
    """Each row through each of these ways that it holds for."""
    cases = [
        pytest.param(name, row, id=f"{name}: {group}: {row.id}")
        for name in names
        for group, rows in GROUPS.items()
        for row in rows
        if ("gateway" if name in GATEWAYS else name) in row.via
    ]
    return pytest.mark.parametrize(("name", "row"), cases)


@through("direct")
def test_a_row_holds_without_a_gateway(ways: Ways, name: str, row: Row) -> None:
    """So that a row which fails through the gateway says something about the gateway."""
    assert ways(name, row.setup).play(row) == []


@through(*GATEWAYS)
def test_a_row_holds_through_the_gateway(ways: Ways, name: str, row: Row) -> None:
    """Byte for byte, or exactly as the list of accepted differences says."""
    _, accepted = ACCEPTED[chosen_path()].get(row.id, ("", ()))
    assert ways(name, row.setup).play(row) == list(accepted)


def at_rest(process: GatewayProcess) -> Scrape | None:
    """The books, once what was opened is closed."""
    scrape = process.scrape()
    balances = scrape.total("exchanges_opened_total") == scrape.total("exchanges_closed_total")
    return scrape if balances and scrape.total("active_streams") == 0 else None


@pytest.mark.parametrize("name", GATEWAYS)
def test_rows_leave_nothing_open(ways: Ways, name: str) -> None:
    """After all the broken endings no exchange is open, the books balance, and the tap had no fault."""
    way = ways(name, "plain")
    way.play(Row("one more"))
    assert way.process is not None
    scrape = wait_until(functools.partial(at_rest, way.process), what="every exchange closed")

    assert scrape.total("tap_faults_total") == 0


def test_the_table_is_worth_its_name() -> None:
    """Ids are sentences of their own, and every accepted difference has a row and a reason."""
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids) > 600
    for accepted in ACCEPTED.values():
        assert set(accepted) <= set(ids)
        assert all(reason and differences for reason, differences in accepted.values())
