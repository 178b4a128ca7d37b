"""What a pool did, as a section of the job's summary: figures, a chart and a table, in GitHub's Markdown.

The chart is Mermaid's: https://mermaid.js.org/syntax/xyChart.html. It has no legend and draws bars of several series
over each other, so the series are sums, the largest first, and a line above explains the colors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output import history_figures
from refresh.output.markdown import bullets, cell, table
from refresh.text import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refresh.output.history_figures import Bar
    from refresh.pool.history_summary import Summary

_COLORS = {"🟥": "#cf222e", "🟨": "#d4a72c", "🟩": "#2da44e"}
"""Of each series, the sign in the legend and the color in the chart."""
_OTHERS, _LAUNCHED, _WARM = _COLORS


def markdown(summary: Summary) -> Iterator[str]:
    """Yield the section."""
    yield f"#### The last {lasting(summary.until - summary.since)}"
    yield ""
    yield from bullets([f"**{name}**: {cell(text)}" for name, text in history_figures.figures(summary)])
    if summary.builds:
        yield ""
        yield from _chart(summary)
    if summary.classes:
        yield ""
        yield from table(history_figures.classes(summary.classes))
    if missing := history_figures.unknown(summary.classes):
        yield ""
        yield cell(missing)


def _chart(summary: Summary) -> Iterator[str]:
    step, bars = history_figures.bars(summary.hours)
    series = _series(bars)
    legend = {_WARM: "served warm", _LAUNCHED: "with a launch", _OTHERS: "neither"}
    shown = " ".join(f"{sign} {text}" for sign, text in legend.items() if sign in series)
    yield f"Builds per {history_figures.period(step)}, UTC: {shown}"
    yield ""
    palette = ", ".join(_COLORS[sign] for sign in series)
    yield "```mermaid"
    yield f'%%{{init: {{"themeVariables": {{"xyChart": {{"plotColorPalette": "{palette}"}}}}}}}}%%'
    yield "xychart-beta"
    labels = ", ".join(f'"{label}"' for label in _labels(bars, step))
    yield f"    x-axis [{labels}]"
    yield f'    y-axis "builds" 0 --> {max(each.all for each in bars)}'
    yield from (f"    bar {numbers}" for numbers in series.values())
    yield "```"


def _labels(bars: Sequence[Bar], step: int) -> list[str]:
    """Write the times as short as possible, since many have to fit under the bars.

    Bars with equal labels would be drawn over each other: the same hour of the next day is `09+`.
    """
    form = {1: "%H", history_figures.HOURS_PER_DAY: "%d"}.get(step, "%d. %H")
    times = [each.start.strftime(form) for each in bars]
    return [f"{time}{'+' * times[:number].count(time)}" for number, time in enumerate(times)]


def _series(bars: Sequence[Bar]) -> dict[str, list[int]]:
    """Return the sums up to each kind; those of a kind that does not occur would hide nothing and are left out."""
    found = {_WARM: [each.warm for each in bars]}
    if any(each.launched for each in bars):
        found = {_LAUNCHED: [each.warm + each.launched for each in bars], **found}
    if any(each.others for each in bars):
        found = {_OTHERS: [each.all for each in bars], **found}
    return found
