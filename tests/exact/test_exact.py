"""A thousand interactions through installed gateways: every sample, every span and every log line, exactly.

The truth is the simulator's ledger and what the clients did. Source: accounting.md; telemetry-conventions.md 2 and 3.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.exact import attribution, joining, scrapes, timing, traces
from tests.exact.client import BEARER, HEADER_KEY, PROMPT, QUERY_KEY
from tests.exact.site import Result
from tests.exact.words import OUTCOMES, ZEROS

pytestmark = pytest.mark.timeout(240)

SHOWN = 40
INTERACTIONS = 1000
EACH_OUTCOME = 5
LATE_P50_MS, LATE_MAX_MS = 250.0, 5_000.0  # the machine is shared: a mistake in a time is of another size
SECRETS = ("SECRETMARKER", HEADER_KEY, BEARER, QUERY_KEY, attribution.SECRET)
CONTENT = ("CONTENTMARKER", PROMPT, "Mount Elbrus", "Quantum Inflection", "1, 2, 3, 4, 5", "Applying Euclid")


def report(differences: list[str]) -> str:
    """The first differences, one a line."""
    more = [f"… and {len(differences) - SHOWN} more"] if len(differences) > SHOWN else []
    return "\n" + "\n".join([f"{len(differences)} differences", *differences[:SHOWN], *more])


def test_the_run_holds_what_it_is_to_prove(result: Result, tables: list[str]) -> None:
    """Enough exchanges, every outcome, every odd input, every boundary left at; the simulator agrees with itself."""
    readings = result.readings
    outcomes = Counter(reading.outcome for reading in readings)
    interactions = sum(joining.is_interaction(reading) for reading in readings)
    tables += [
        f"{len(readings)} exchanges, {interactions} of them about interactions: "
        + ", ".join(f"{name} {outcomes[name]}" for name in OUTCOMES)
    ]
    modes = Counter((reading.route, reading.mode) for reading in readings)
    tables += ["by route and mode: " + ", ".join(f"{r}/{m} {n}" for (r, m), n in sorted(modes.items()))]

    assert [line for reading in readings for line in reading.disagreements] == []
    assert interactions >= INTERACTIONS
    assert {name: outcomes[name] for name in OUTCOMES if outcomes[name] < EACH_OUTCOME} == {}
    assert outcomes.keys() <= set(OUTCOMES)
    seen: Counter[str] = Counter()
    for reading in readings:
        seen.update(reading.unknown + reading.invalid + reading.anomalies)
    rows = {row[0] for name in ("unknown_events_total", "invalid_events_total") for row in ZEROS[name][1]}
    rows |= {row[0] for row in ZEROS["anomalies_total"][1]} - {"bad_index", "too_many_steps", "unreadable_encoding"}
    assert rows - seen.keys() == set()
    left = defaultdict(set)
    for reading in readings:
        if reading.entry is not None and reading.did.ended == "left":
            left[reading.entry["scenario"]].add(reading.events)
    assert left["text"] >= set(range(12))
    assert {reading.entry["ended"] for reading in readings if reading.entry} >= {"complete", "cut", "rst", "no_head"}


def test_what_is_expected_shares_no_code_with_what_is_judged() -> None:
    """A mistake in the gateway's reading, counting or names must not be able to repeat itself here."""
    imported = {
        line.split()[1]
        for module in Path(__file__).parent.glob("*.py")
        for line in module.read_text(encoding="utf-8").splitlines()
        if line.startswith(("from gateway", "import gateway"))
    }

    assert imported
    assert all(name.startswith("gateway.simulator.") for name in imported)


def test_every_scrape_during_the_run_is_in_balance(result: Result, tables: list[str]) -> None:
    """opened = closed + open + lost, and the outcomes add up to the closed ones, at any moment."""
    wrong, scraped = [], 0
    for site in result.sites:
        for number, text in enumerate(site.texts):
            problem = scrapes.imbalance(scrapes.read_balance(text))
            wrong += [f"{site.name}, scrape {number}: {problem}"] if problem else []
            scraped += 1
        wrong += [f"{site.name}: {failure}" for failure in site.failed_scrapes]
    tables.append(f"{scraped} scrapes in balance" if not wrong else f"{len(wrong)} of {scraped} scrapes out of balance")

    assert not wrong, report(wrong)


def test_the_scrape_is_what_the_exchanges_say_to_the_last_sample(result: Result, tables: list[str]) -> None:
    """Nothing missing, nothing extra, nothing different; for times the number of observations."""
    differences = []
    for site in result.sites:
        found = scrapes.compare(site.books.samples, site.final, len(site.did), site.workers)
        differences += [f"{site.name}: {line}" for line in found]
        tables.append(f"{site.name}: {scrapes.compared(site.final)} samples compared, {len(found)} differences")

    assert not differences, report(differences)


def test_the_tokens_of_creates_add_up_to_the_totals_of_the_api(result: Result) -> None:
    """Disjoint types: their sum is total_tokens, wherever the API sends a sane one."""
    for site in result.sites:
        counted = scrapes.total(site.final, "tokens_total", basis="final", via="create")

        assert counted == sum(account.stated_total for account in site.books.accounts)


def test_the_spans_are_what_the_exchanges_say_to_the_last_attribute(result: Result, tables: list[str]) -> None:
    """Trees, names, kinds, ids, status, links and attributes; nothing missing, nothing extra."""
    differences = []
    for site in result.sites:
        found = traces.compare(site.expected, site.arrived)
        differences += [f"{site.name}: {line}" for line in found]
        tables.append(f"{site.name}: {len(site.spans)} spans compared, {len(found)} differences")

    assert not differences, report(differences)


def test_every_link_names_the_right_span_across_gateways_and_restarts(result: Result, tables: list[str]) -> None:
    """What a gateway remembers it links exactly, all else by the id; it dangles after a traceparent."""
    links = joining.read(result)
    tables += links.table()

    assert not links.wrong, report(links.wrong)
    assert links.unseen() == []


def test_chains_are_told_by_their_first_interaction(result: Result) -> None:
    """To the third turn, by polls too; and not where the first was seen elsewhere or before a restart."""
    told = Counter(account.chain for site in result.sites for account in site.books.accounts if account.chain)
    untold = [account for site in result.sites for account in site.books.accounts if not account.chain]

    assert max(told.values()) >= 3
    assert any(account.reading.asked.get("previous_interaction_id") and account.earlier for account in untold)


def test_no_span_id_and_no_derived_trace_id_is_there_twice(result: Result) -> None:
    """Over all gateways and both their lives; an interaction has one create, so its trace is no other's."""
    spans = Counter((span.trace_id, span.span_id) for site in result.sites for span in site.spans)
    creates = Counter(
        site.arrived.roots[reading.key].trace_id
        for site in result.sites
        for reading in site.readings
        if reading.route == "create" and reading.interaction_id and not reading.did.traceparent
    )

    assert [ids for ids, times in spans.items() if times > 1] == []
    assert [trace_id for trace_id, times in creates.items() if times > 1] == []


def test_each_gateway_counts_an_interaction_once_and_none_knows_of_another(result: Result, tables: list[str]) -> None:
    """A running usage and its growth add up to the final one; who never saw the create counts a poll of it whole."""
    counted = joining.counted(result)
    extra = sum(tokens for sites in counted.twice.values() for tokens, _ in list(sites.values())[1:])
    tables.append(
        f"{len(counted.tokens)} interactions with tokens, {len(counted.twice)} counted by more than one gateway"
    )
    tables.append(f"tokens counted again by another gateway, or after a restart: {extra}")

    assert not counted.wrong, report(counted.wrong)
    assert {len(sites) for sites in counted.twice.values()} >= {2, 3}


def test_times_in_spans_are_those_of_sending(result: Result, tables: list[str]) -> None:
    """Within what forwarding on a busy machine takes, and never before the bytes were sent."""
    for site in result.sites[:2]:
        differences = timing.compare(site.readings, site.arrived)
        tables += differences.table()

        assert differences.ms.keys() == {
            *("interactions.time_to_first_delta", "interactions.time_to_terminal", "step start"),
            *("step's first delta", "step stop", "step duration (either way)"),
        }
        for what, values in differences.ms.items():
            assert min(values) > -1.0, what
            assert sorted(values)[len(values) // 2] < LATE_P50_MS, what
            assert max(values) < LATE_MAX_MS, what


def test_the_log_has_one_line_for_each_exchange(result: Result) -> None:
    """With its outcome, and the id that its SERVER span carries."""
    for site in result.sites:
        lines = site.log
        logged = Counter(line["exchange_id"] for line in lines)
        spanned = {root.attributes["interactions.exchange.id"]: key for key, root in site.arrived.roots.items()}

        assert [exchange_id for exchange_id, times in logged.items() if times > 1] == []
        assert len(lines) == len(site.did)
        assert logged.keys() == spanned.keys()
        assert Counter(line["outcome"] for line in lines) == Counter(reading.outcome for reading in site.readings)


def test_the_log_says_whom_each_exchange_was_for(result: Result, tables: list[str]) -> None:
    """As its spans and its series do; where nothing is configured it says nothing."""
    for site in result.sites:
        keys = {root.attributes["interactions.exchange.id"]: key for key, root in site.arrived.roots.items()}
        expected = {reading.key: attribution.in_log(reading.tags) for reading in site.readings}
        found = {
            keys[line["exchange_id"]]: {name: line[name] for name in attribution.LOG_FIELDS & line.keys()}
            for line in site.log
        }
        by_team = Counter(reading.team for reading in site.readings)
        tables.append(f"{site.name}: exchanges by team: {dict(sorted(by_team.items()))}")

        assert found == expected
    teams = {reading.team for reading in result.readings}
    assert teams >= {who.team for who in attribution.EVERYBODY} | {""}
    tagged = {tag for reading in result.readings for tag in reading.tags}
    assert tagged == {"team", "app", "user", "conversation", "client"}


def test_no_key_and_no_content_is_in_log_span_or_scrape(result: Result) -> None:
    """Keys came by header, bearer token and query; prompts and answers held marked words."""
    for site in result.sites:
        everything = "\n".join([*site.log_lines, *map(repr, site.spans), *site.texts])

        assert [word for word in (*SECRETS, *CONTENT) if word in everything] == []
        assert json.dumps(QUERY_KEY) not in everything
