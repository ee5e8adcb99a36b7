"""PromQL from the catalogue of names: a query names families and labels that exist, or it can't be written.

Not here: what is asked (queries/), how it is shown (the dashboards).
Promise: a family is narrowed by each of the variables namespace, instance, model and team that it can be narrowed by;
a label that it doesn't have raises ValueError when the module is imported.
"""

from __future__ import annotations

from gateway.telemetry import names
from gateway.telemetry.names import TEAM_LABEL, Family, Kind

# Grafana's own: at least four scrape intervals wide, so that rate() has two samples, and no narrower than a step.
STEP = "$__rate_interval"
SHOWN = "$__range"  # all of the time that the dashboard shows

# What a dashboard lets people choose by, as matchers. Their "All" is `.*`, which a missing label matches too: there
# may be no namespace outside a cluster, and there is no team unless the settings ask for one.
SCOPE = ("namespace", "instance", "model", TEAM_LABEL)
_SCRAPE_LABELS = ("namespace", "instance")
_FAMILIES = {family.name: family for family in names.FAMILIES}


def one_of(*values: str) -> str:
    """A matcher: the label is one of these."""
    return f'=~"{"|".join(values)}"'


def none_of(*values: str) -> str:
    """A matcher: the label is none of these."""
    return f'!~"{"|".join(values)}"'


def but(matcher: str, *values: str) -> str:
    """A matcher that others narrow: the label is none of these either."""
    return "\n".join((matcher, *(f'!="{value}"' for value in values)))


def of(family: Family, suffix: str = "", beside: str = "", **where: str) -> str:
    """A selector of a family's series. where: by label a value, or a matcher of one_of, none_of and but.

    suffix: `_bucket`, `_sum` or `_count` of a histogram, which also has the label `le`.
    beside: the name of another family that this one is compared with; only what narrows both may narrow this one.
    """
    if bool(suffix) != (family.kind is Kind.HISTOGRAM):
        raise ValueError(f"{family.name} is no histogram, or one without a suffix")
    has = _labels(family) | ({"le"} if suffix == "_bucket" else set())
    if unknown := set(where) - has:
        raise ValueError(f"{family.name} has no {', '.join(sorted(unknown))}")
    narrowing = has & _labels(_FAMILIES[beside] if beside else family) - set(where)
    chosen = [f'{label}=~"${label}"' for label in SCOPE if label in narrowing]
    matchers = [(label, matcher) for label, value in where.items() for matcher in value.split("\n")]
    stated = [f"{label}{value}" if value[:1] in "=!" else f'{label}="{value}"' for label, value in matchers]
    return f"{family.name}{suffix}{{{', '.join((*chosen, *stated))}}}"


def _labels(family: Family) -> set[str]:
    return {*family.labelled(teams=True).labels, *_SCRAPE_LABELS}


_NOTHING = f"0 * count({of(names.SERIES)})"  # 0 where a gateway is there


def summed(inner: str, *by: str) -> str:
    """The sum of an instant vector, of all or by labels."""
    return f"sum by ({', '.join(by)}) ({inner})" if by else f"sum({inner})"


def per_second(family: Family, *by: str, window: str = STEP, suffix: str = "", beside: str = "", **where: str) -> str:
    """How fast a counter grows, a second."""
    return summed(f"rate({of(family, suffix, beside, **where)}[{window}])", *by)


def total(family: Family, window: str, *by: str, beside: str = "", **where: str) -> str:
    """By how much a counter has grown in a window, with the first value of series that began in it.

    A series with labels from traffic begins with its first exchange, which increase() doesn't see. A series began in
    the window if it wasn't there in the hour before; an hour, lest a gap of the scrapes look like a beginning.
    """
    series = of(family, beside=beside, **where)
    first = f"min_over_time({series}[{window}]) unless last_over_time({series}[1h] offset {window})"
    return summed(f'increase({series}[{window}]) or label_replace({first}, "first", "1", "", "")', *by)


def grown(family: Family, window: str, *by: str, **where: str) -> str:
    """By how much a counter has grown that is there from the start, at 0."""
    return summed(f"increase({of(family, **where)}[{window}])", *by)


def quantile(q: float, family: Family, *by: str, window: str = STEP, **where: str) -> str:
    """A quantile of a histogram, interpolated inside its bucket: as exact as the buckets are narrow.

    Nothing where nothing was observed: `>= 0` takes away what is no number.
    """
    buckets = per_second(family, *by, "le", window=window, suffix="_bucket", **where)
    return f"histogram_quantile({q}, {buckets}) >= 0"


def mean(family: Family, *by: str, **where: str) -> str:
    """The mean of what a histogram observed; nothing where it observed nothing."""
    seconds = per_second(family, *by, suffix="_sum", **where)
    times = per_second(family, *by, suffix="_count", **where)
    return f"{seconds} / ({times} > 0)"


def heat(family: Family, **where: str) -> str:
    """Observations by bucket, for a heatmap."""
    return summed(f"increase({of(family, '_bucket', **where)}[{STEP}])", "le")


def within(family: Family, bound: float, *by: str, window: str = STEP, **where: str) -> str:
    """The share of observations of at most a bound, which is one of the buckets'."""
    if bound not in family.bounds:
        raise ValueError(f"{bound} is no bound of {family.name}")
    few = per_second(family, *by, window=window, suffix="_bucket", le=repr(float(bound)), **where)
    return part_of(few, per_second(family, *by, window=window, suffix="_count", **where))


def total_part(part: Family, whole: Family, window: str, *by: str, **where: str) -> str:
    """The share of one counter's growth in another's, both narrowed by what narrows both. where: of the whole."""
    few, many = total(part, window, *by, beside=whole.name), total(whole, window, *by, beside=part.name, **where)
    return part_of(few, many)


def part_of(part: str, whole: str) -> str:
    """A share, 0 where there is none of the part; nothing where there is nothing it could be a share of."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def or_zero(sum_of_all: str) -> str:
    """A sum without labels, or 0 where a gateway is there and nothing of it has counted; nothing without a gateway."""
    return f"{sum_of_all} or {_NOTHING}"


def or_none(vector: str, label: str) -> str:
    """A vector, or one 0 that says `none` where it is empty and a gateway is there: none was seen, which is known."""
    return f'({vector}) or on () label_replace({_NOTHING}, "{label}", "none", "", "")'


def latest(family: Family, *by: str, how: str = "sum", **where: str) -> str:
    """A gauge as it is now: sum, max or min over the instances."""
    return f"{how} by ({', '.join(by)}) ({of(family, **where)})" if by else f"{how}({of(family, **where)})"
