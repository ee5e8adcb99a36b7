"""opened = closed + open + lost, by worker, over deaths of either side: accounting.md 8."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.records import ExchangeOpened, Heartbeat, StepFinished, StepStarted
from gateway.telemetry.view import Session
from gateway.wire.facts import Mode, RequestFacts
from gateway.wire.outcome import Outcome, Route
from tests.telemetry.factories import ID, MS, STARTED_NS, Bench, S, create, heartbeat, hello, opened, step


def balanced(bench: Bench, opened: float, closed: float, open_: float, lost: float) -> None:
    """The scrape says these counts, they balance, and requests_total says as many as closed."""
    found = (
        bench.value("exchanges_opened_total"),
        bench.value("exchanges_closed_total"),
        bench.value("active_streams"),
        bench.value("records_lost_total", kind="ExchangeClosed"),
    )
    assert found == (opened, closed, open_, lost)
    assert found[0] == sum(found[1:])
    assert bench.value("requests_total") == closed


def test_a_quiet_day(bench: Bench) -> None:
    bench.apply(opened("a"), opened("b", Mode.BACKGROUND), heartbeat(3, 0))
    balanced(bench, 3, 0, 3, 0)
    assert bench.value("active_streams", mode="unary") == 1  # begun, and nothing known of it yet

    bench.apply(create(exchange_id="a"), create(exchange_id="c"), heartbeat(3, 2))
    balanced(bench, 3, 2, 1, 0)
    assert bench.value("active_streams", mode="background") == 1


def test_records_ahead_of_their_heartbeat_balance_too(bench: Bench) -> None:
    bench.apply(opened("a"), create(exchange_id="a"), create(exchange_id="b"), opened("c"))

    balanced(bench, 3, 2, 1, 0)


def test_lost_ends_are_not_open(bench: Bench) -> None:
    """Which exchange's end was lost nobody knows: the count holds, and later ends of listed ones too."""
    bench.apply(*(opened(f"x{number}") for number in range(4)), heartbeat(4, 0))
    bench.apply(
        Heartbeat(4, 1, {"ExchangeClosed/queue_full": 2, "StepStarted/queue_full": 7}), create(exchange_id="x3")
    )
    bench.apply(heartbeat(4, 1, queue_full=2))

    balanced(bench, 4, 1, 1, 2)
    assert bench.value("records_lost_total", kind="StepStarted") == 0  # the second heartbeat stated none
    assert len(bench.session.open) == 1


def test_a_dead_forwarders_exchanges_end_as_gateway_errors(bench: Bench) -> None:
    bench.apply(
        opened("a"),
        opened("b", Mode.UNARY),
        StepStarted("a", ID, 0, "thought", 10 * MS, 0),
        StepFinished("a", ID, step(0, "thought", 10, 20)),
        StepStarted("a", ID, 1, "model_output", 30 * MS, 1),
        create(exchange_id="c"),
        heartbeat(5, 1),
    )
    bench.telemetry.disconnected(bench.session)

    # two were known to be open; of two more only the begin was known
    balanced(bench, 5, 3, 0, 2)
    assert bench.value("requests_total", outcome="gateway_error") == 2
    assert bench.value("errors_total", source="gateway", code="forwarder_died") == 2
    assert bench.value("records_lost_total", kind="ExchangeClosed", reason="shutdown") == 2
    assert bench.value("steps_total", step_type="thought", state="closed") == 1
    assert bench.value("steps_total", step_type="model_output", state="open_at_end") == 1
    assert bench.value("request_duration_seconds_sum", mode="unary") == 10


def test_disconnecting_twice_counts_once(bench: Bench) -> None:
    bench.apply(opened("a"), heartbeat(1, 0))
    bench.telemetry.disconnected(bench.session)
    bench.telemetry.disconnected(bench.session)

    balanced(bench, 1, 1, 0, 0)


def test_a_new_forwarders_counts_add_to_the_dead_ones(bench: Bench) -> None:
    bench.apply(opened("a"), create(exchange_id="a"), heartbeat(1, 1))
    bench.telemetry.disconnected(bench.session)
    bench.session = bench.telemetry.connected(hello(pid=101))
    bench.apply(opened("b"), heartbeat(1, 0))

    balanced(bench, 2, 1, 1, 0)
    assert len(bench.samples("exchanges_opened_total")) == 1


def test_a_restarted_observer_accounts_for_what_it_hears_of() -> None:
    """9 went to the observer before, 2 were lost with it, 3 were open: they are opened here too."""
    bench = Bench()
    bench.session = bench.telemetry.connected(hello(closed_before=9))
    bench.apply(*(opened(f"x{number}") for number in range(3)), heartbeat(14, 9, observer_died=2))
    balanced(bench, 5, 0, 3, 2)

    bench.apply(*(create(exchange_id=f"x{number}") for number in range(3)), heartbeat(14, 12, observer_died=2))
    balanced(bench, 5, 3, 0, 2)
    bench.flush()


def test_a_forwarder_that_comes_back_does_not_repeat_its_losses(bench: Bench) -> None:
    bench.apply(opened("a"), create(exchange_id="a"), heartbeat(3, 1, queue_full=2))
    bench.telemetry.disconnected(bench.session)
    bench.session = bench.telemetry.connected(hello(closed_before=1))
    bench.apply(create(exchange_id="d"), heartbeat(4, 2, queue_full=2))

    balanced(bench, 4, 2, 0, 2)


def test_two_processes_of_one_worker_in_a_rolling_restart(bench: Bench) -> None:
    """Both speak for the worker; the old one comes back after its connection broke, and repeats none of its losses."""
    bench.apply(opened("a"), opened("b"), heartbeat(4, 0, queue_full=2))
    new = bench.telemetry.connected(hello(pid=101))
    bench.telemetry.apply(new, create(exchange_id="c"))
    bench.telemetry.apply(new, heartbeat(3, 1, queue_full=1))
    balanced(bench, 7, 1, 3, 3)

    bench.telemetry.disconnected(bench.session)
    bench.session = bench.telemetry.connected(hello())
    bench.apply(create(exchange_id="d"), heartbeat(5, 1, queue_full=2))
    balanced(bench, 10, 4, 3, 3)  # what was open when the connection broke has ended here, and is told anew
    assert len(bench.samples("exchanges_opened_total")) == 1


def test_workers_have_series_of_their_own(bench: Bench) -> None:
    other = bench.telemetry.connected(hello(worker=1, pid=101))
    bench.apply(opened("a"), heartbeat(1, 0))
    bench.telemetry.apply(other, create(exchange_id="b"))

    assert bench.value("exchanges_opened_total", worker="0") == 1
    assert bench.value("exchanges_closed_total", worker="1") == 1


def test_an_exchange_of_a_dead_forwarder_keeps_what_was_known_of_it(bench: Bench) -> None:
    record = ExchangeOpened(
        "a",
        STARTED_NS,
        Route.GET,
        Mode.STREAM,
        RequestFacts(interaction_id=ID),
        method="GET",
        target=f"/v1beta/interactions/{ID}?stream=true",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    bench.apply(record, StepStarted("a", ID, 2, "thought", 5 * S, 2))
    bench.telemetry.disconnected(bench.session)
    bench.flush()

    spans = bench.spans.get_finished_spans()
    assert {span.name for span in spans} == {"GET /v1beta/interactions/{id}", "fetch_response", "step thought"}
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {"0af7651916cd43dd8448eb211c80319c"}
    assert bench.telemetry.view.recent[-1].outcome == Outcome.GATEWAY_ERROR.value


MOVES = st.lists(
    st.one_of(
        st.just("begin"),
        st.just("open"),
        st.just("close"),
        st.just("lose"),
        st.just("beat"),
        st.just("reconnect"),
        st.just("die"),
    ),
    max_size=60,
)


class Forwarder:
    """A model of a forwarder: it does what the records' contract says, and knows the truth."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.pid = 1
        self.session: Session = bench.telemetry.connected(hello(pid=self.pid))
        self.reset()

    def reset(self) -> None:
        self.begun: list[str] = []
        self.told: list[str] = []
        self.count = self.handed = self.lost = 0

    def move(self, name: str) -> None:
        getattr(self, name)()

    def begin(self) -> None:
        self.count += 1
        self.begun.append(f"{self.pid}-{self.count}")

    def open(self) -> None:
        if self.begun:
            self.told.append(self.begun.pop(0))
            self.bench.telemetry.apply(self.session, opened(self.told[-1]))

    def close(self) -> None:
        if self.told or self.begun:
            exchange_id = (self.told or self.begun).pop()
            self.handed += 1
            self.bench.telemetry.apply(self.session, create(exchange_id=exchange_id))

    def lose(self) -> None:
        if self.told:
            self.told.pop()
            self.lost += 1

    def beat(self) -> None:
        self.bench.telemetry.apply(self.session, heartbeat(self.count, self.handed, queue_full=self.lost))

    def die(self) -> None:
        self.bench.telemetry.disconnected(self.session)
        self.pid += 1
        self.reset()
        self.session = self.bench.telemetry.connected(hello(pid=self.pid))

    def reconnect(self) -> None:
        self.beat()
        self.bench.telemetry.disconnected(self.session)
        self.session = self.bench.telemetry.connected(hello(pid=self.pid, closed_before=self.handed))
        for exchange_id in self.told:
            self.bench.telemetry.apply(self.session, opened(exchange_id))


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_the_balance_holds_whatever_happens(moves: list[str]) -> None:
    """After each heartbeat: the sums agree, and what is open is what the forwarder has open."""
    bench = Bench(traced=False)
    forwarder = Forwarder(bench)
    before = 0.0
    for name in (*moves, "beat"):
        forwarder.move(name)
        if name == "beat":
            opened_count = bench.value("exchanges_opened_total")
            closed = bench.value("exchanges_closed_total")
            open_ = bench.value("active_streams")
            assert opened_count == closed + open_ + bench.value("records_lost_total", kind="ExchangeClosed")
            assert open_ == len(forwarder.told) + len(forwarder.begun)
            assert closed == bench.value("requests_total")
            assert opened_count >= before
            before = opened_count
