"""Scrapes: read by the official parser, balanced at any moment, compared sample by sample at the end.

Not here: what is expected (books.py).
Source: accounting.md 8 for the balance; telemetry-conventions.md 3.3 for bucket bounds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.exact import cost, shapes
from tests.exact.books import Sample
from tests.exact.words import BUCKETS, BUILD_INFO_LABELS, FAMILIES, PREFIX

BY_WORKER: Final = ("exchanges_opened_total", "exchanges_closed_total")
IN_BALANCE: Final = (*BY_WORKER, "records_lost_total", "active_streams", "requests_total")


def read(text: str) -> dict[Sample, float]:
    """The gateway's samples of a scrape, names without the prefix. Raises for a sample that is there twice."""
    samples: dict[Sample, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(PREFIX):
                place = sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())
                if place in samples:
                    raise ValueError(f"{place} is there twice")
                samples[place] = float(sample.value)
    return samples


def read_balance(text: str) -> dict[Sample, float]:
    """As `read`, of the families that `imbalance` asks for: a run has hundreds of scrapes, of thousands of samples."""
    wanted = tuple(word + PREFIX + name for name in IN_BALANCE for word in ("", "# TYPE ", "# HELP "))
    return read("".join(line for line in text.splitlines(keepends=True) if line.startswith(wanted)))


def total(samples: Mapping[Sample, float], name: str, **labels: str) -> float:
    """The sum of a family's samples that have these labels."""
    wanted = frozenset(labels.items())
    return sum(value for (family, has), value in samples.items() if family == name and wanted <= has)


def imbalance(samples: Mapping[Sample, float]) -> str:
    """What does not add up in a scrape; empty where all does."""
    opened, closed = (total(samples, name) for name in BY_WORKER)
    lost = total(samples, "records_lost_total", kind="ExchangeClosed")
    active = total(samples, "active_streams")
    requests = total(samples, "requests_total")
    if not any(name == "requests_total" for name, _ in samples):
        return "requests_total is not there"
    if opened != closed + active + lost or min(active, lost) < 0:
        return f"opened {opened:g} is not closed {closed:g} + open {active:g} + lost {lost:g}"
    if requests != closed:
        return f"requests_total adds up to {requests:g}, closed is {closed:g}"
    return ""


def compare(expected: Mapping[Sample, int], samples: Mapping[Sample, float], exchanges: int, workers: int) -> list[str]:
    """All differences between the expected samples and a scrape, one line each; and how the rest breaks its rules."""
    have = {place: value for place, value in samples.items() if not _is_left_out(place[0])}
    differences = [
        f"{_shown(place)} is {_value(have, place)}, not {_value(expected, place)}"
        for place in sorted(expected.keys() | have.keys(), key=_shown)
        if have.get(place) != expected.get(place)
    ]
    for name in BY_WORKER:
        labels = {dict(has).get("worker") for family, has in samples if family == name}
        if total(samples, name) != exchanges or not labels <= {str(number) for number in range(workers)}:
            differences.append(
                f"{name} is {total(samples, name):g} over workers {sorted(map(str, labels))}, not {exchanges}"
            )
    infos = [(has, value) for (family, has), value in samples.items() if family == "build_info"]
    if not infos or any({name for name, _ in has} != BUILD_INFO_LABELS or value != 1 for has, value in infos):
        differences.append(f"build_info is {infos}")
    if total(samples, "unexpected_plain_path") or not any(name == "unexpected_plain_path" for name, _ in samples):
        differences.append("unexpected_plain_path is not 0")
    return differences + _strange_families(samples) + _wrong_buckets(samples) + shapes.wrong(samples, workers)


def compared(samples: Mapping[Sample, float]) -> int:
    """How many samples are compared by their value."""
    return sum(not _is_left_out(name) for name, _ in samples)


def _is_left_out(name: str) -> bool:
    is_time = any(name.startswith(family) and name != f"{family}_count" for family in BUCKETS)
    is_shape = shapes.family_of(name) in shapes.FAMILIES
    is_apart = name in {"build_info", "unexpected_plain_path", "phase_seconds_count"} or name in cost.FAMILIES
    return is_time or is_shape or is_apart or name in BY_WORKER


def _strange_families(samples: Mapping[Sample, float]) -> list[str]:
    known = (
        FAMILIES
        | cost.FAMILIES
        | shapes.FAMILIES
        | {f"{name}{suffix}" for name in _bounds() for suffix in ("_bucket", "_sum", "_count")}
    )
    return sorted({f"a family that nobody knows: {name}" for name, _ in samples if name not in known})


def _bounds() -> dict[str, Sequence[float]]:
    return {**BUCKETS, **shapes.BOUNDS}


def _wrong_buckets(samples: Mapping[Sample, float]) -> list[str]:
    wrong = []
    for family, bounds in _bounds().items():
        children: dict[frozenset[tuple[str, str]], dict[float, float]] = defaultdict(dict)
        for (name, has), value in samples.items():
            if name == f"{family}_bucket":
                labels = dict(has)
                le = float(labels.pop("le"))
                children[frozenset(labels.items())][le] = value
        for has, buckets in children.items():
            counts = [buckets[bound] for bound in sorted(buckets)]
            whole = samples.get((f"{family}_count", has))
            if sorted(buckets) != [*map(float, bounds), float("inf")]:
                wrong.append(f"{family}{dict(has)} has the buckets {sorted(buckets)}")
            elif counts != sorted(counts) or counts[-1] != whole:
                wrong.append(f"{family}{dict(has)}: its buckets are not cumulative up to {whole}")
            elif samples.get((f"{family}_sum", has), -1) < 0:
                wrong.append(f"{family}{dict(has)}: its sum is missing or negative")
    return wrong


def _shown(place: Sample) -> str:
    name, labels = place
    inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
    return f"{name}{{{inner}}}"


def _value(samples: Mapping[Sample, float] | Counter[Sample], place: Sample) -> str:
    return f"{samples[place]:g}" if place in samples else "absent"
