"""What Grafana makes of a panel: six kinds, each with the looks that fit what it shows.

Not here: what a panel is (panels.py).
Promise: every panel has thresholds: its limits, or one step that says there are none; each data source is the variable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.panels import Ask, Panel, Shape

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, AMBER, RED = "green", "orange", "red"

Builder: TypeAlias = timeseries.Panel | stat.Panel | heatmap.Panel | bargauge.Panel | table.Panel


def built(panel: Panel, position: model.GridPos, says: str) -> Builder:
    """The panel as Grafana reads it. says: its description as it stands there."""
    builder = _BUILDERS[panel.shape](panel)
    builder.id(panel.id).title(panel.title).description(says).datasource(DATASOURCE).grid_pos(position)
    builder.unit(panel.unit).thresholds(_thresholds(panel))
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    elif panel.shape is Shape.TABLE and panel.unit == units.NoUnit:
        builder.decimals(0)  # increase() extrapolates: what is counted has no half
    if panel.low is not None and panel.shape is not Shape.HEATMAP:
        builder.min(panel.low)
    if panel.high is not None:
        builder.max(panel.high)
    if panel.nothing:
        builder.no_value(panel.nothing)
    if panel.every:
        builder.interval(panel.every)
    if panel.leads_to:
        builder.links([link.built() for link in panel.leads_to])
    if panel.data_links:
        builder.data_links([link.built() for link in panel.data_links])
    for number, ask in enumerate(panel.asks):
        builder.with_target(_target(panel, ask, _ref(number)))
    return builder


def _ref(number: int) -> str:
    return chr(ord("A") + number)


def _target(panel: Panel, ask: Ask, ref: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(ask.expr).ref_id(ref).datasource(DATASOURCE)
    if panel.shape is Shape.TABLE:
        return target.instant().format(PromQueryFormat.TABLE)
    target.legend_format(ask.legend)
    if panel.is_instant:
        return target.instant()
    target.range()
    if panel.shape is Shape.HEATMAP:
        target.format(PromQueryFormat.HEATMAP)
    return target.exemplar(True) if ask.exemplars else target


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    start, middle, end = (RED, AMBER, GREEN) if panel.falling else (GREEN, AMBER, RED)
    steps = [model.Threshold(value=None, color=start)]
    if panel.limits is not None:
        first, second = (round(limit, 9) for limit in panel.limits)  # 1 - 0.99 is a little more than 0.01
        if first < second:
            steps.append(model.Threshold(value=first, color=middle))
        steps.append(model.Threshold(value=second, color=end))
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _by_thresholds() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _stat(panel: Panel) -> Builder:
    color = looks.BigValueColorMode.NONE if panel.limits is None else looks.BigValueColorMode.BACKGROUND
    graph = looks.BigValueGraphMode.AREA if panel.over_time else looks.BigValueGraphMode.NONE
    return (
        stat.Panel()
        .color_mode(color)
        .graph_mode(graph)
        .text_mode(looks.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(_by_thresholds())
    )


def _lines(panel: Panel) -> Builder:
    builder = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(5)
        .show_points(looks.VisibilityMode.AUTO)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
    )
    if panel.limits is not None:
        builder.thresholds_style(common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED))
    if panel.log_scale:
        builder.scale_distribution(common.ScaleDistributionConfig().type(looks.ScaleDistribution.LOG).log(10))
    return builder


def _stack(panel: Panel) -> Builder:
    builder = _lines(panel)
    assert isinstance(builder, timeseries.Panel)
    return builder.fill_opacity(60).line_width(0).stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    )


def _heatmap(panel: Panel) -> Builder:
    return (
        heatmap.Panel()
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .y_axis(heatmap.YAxisConfig().unit(panel.unit))
        .cell_gap(1)
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .exemplars_color("rgba(0,120,255,0.8)")
        .show_y_histogram()
        .show_legend()
    )


def _bars(_panel: Panel) -> Builder:
    return (
        bargauge.Panel()
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .orientation(looks.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(_by_thresholds())
    )


def _table(panel: Panel) -> Builder:
    """Its queries side by side, joined by their labels, each column with its name and unit."""
    several = len(panel.asks) > 1
    columns = {f"Value #{_ref(at)}" if several else "Value": ask for at, ask in enumerate(panel.asks)}
    builder = table.Panel().filterable(True)
    builder.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    builder.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "renameByName": {name: ask.legend for name, ask in columns.items()},
            },
        )
    )
    for ask in panel.asks:
        own = {"unit": ask.unit or None, "decimals": ask.decimals}
        properties = [
            model.DynamicConfigValue(id_val=key, value=value) for key, value in own.items() if value is not None
        ]
        if properties:
            builder.override_by_name(ask.legend, properties)
    if panel.sort_by:
        builder.sort_by([common.TableSortByFieldState().display_name(panel.sort_by).desc(True)])
    return builder


_BUILDERS: dict[Shape, Callable[[Panel], Builder]] = {
    Shape.STAT: _stat,
    Shape.LINES: _lines,
    Shape.STACK: _stack,
    Shape.HEATMAP: _heatmap,
    Shape.BARS: _bars,
    Shape.TABLE: _table,
}
