"""The section of the summary: a chart that Mermaid draws as it is meant, and nothing from outside that marks up."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.output.history import markdown
from tests.unit.output.histories import BUSY, COLD, DAY, HOUR, build, machine, summary

if TYPE_CHECKING:
    from refresh.pool.history_summary import Summary

HARMFUL = "|`<>[]*_~@!$\\"


def _bars(made: Summary) -> list[list[int]]:
    found = (re.fullmatch(r"    bar \[(.*)\]", line) for line in markdown(made))
    return [[int(each) for each in bar[1].split(",")] for bar in found if bar]


def _labels(made: Summary) -> list[str]:
    (axis,) = (line for line in markdown(made) if "x-axis" in line)
    return re.findall('"([^"]*)"', axis)


def test_a_day_is_figures_a_chart_and_a_table() -> None:
    lines = list(markdown(BUSY))
    assert lines[0] == "#### The last 24 h"
    assert "- **served warm**: 2 of 3 (67 %)" in lines
    assert lines.count("```mermaid") == 1
    assert "Builds per hour, UTC: 🟩 served warm 🟨 with a launch 🟥 neither" in lines
    assert "| class | machines | hours | busy | idle | cost |" in lines
    assert any(line.startswith("1 machine has no known time of launch") for line in lines)


def test_a_larger_series_is_drawn_before_a_smaller_one_in_its_color() -> None:
    """Mermaid draws bars over each other: they are sums, so that each shows the difference."""
    every, served, warm = _bars(BUSY)
    assert [(a, b, c) for a, b, c in zip(every, served, warm, strict=True) if a != c] == [(5, 2, 1)]
    (palette,) = re.findall(r'"plotColorPalette": "(.*?)"', "\n".join(markdown(BUSY)))
    assert len(palette.split(", ")) == 3


def test_a_kind_that_does_not_occur_is_not_in_the_legend() -> None:
    assert (len(_bars(summary(build()))), len(_bars(summary(build(), build(**COLD))))) == (1, 2)
    assert "Builds per hour, UTC: 🟩 served warm" in markdown(summary(build()))


@pytest.mark.parametrize("since", [HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY])
def test_each_bar_has_a_label_of_its_own(since: timedelta) -> None:
    """Mermaid draws bars with equal labels at one place; a day has the hour of its start twice."""
    labels = _labels(summary(build(), since=since))
    assert len(set(labels)) == len(labels)
    assert (labels[-1] == f"{labels[0]}+") is (since == DAY)


def test_a_pool_without_builds_has_no_chart_and_one_without_machines_no_table() -> None:
    assert "```mermaid" not in markdown(summary(machines=(machine(),)))
    assert list(markdown(summary())) == ["#### The last 24 h", "", "- **builds**: 0"]


def test_names_from_the_table_cannot_mark_up_the_page() -> None:
    """A job can write records and items of runs with any text."""
    evil = f"{HARMFUL}\n```\n# x"
    page = list(markdown(summary(build(failures={evil: 1}), machines=(machine(evil),))))
    (row,) = (line for line in page if line.startswith("| ") and "2.0" in line)
    assert row.count("|") == 6
    (failures,) = (line for line in page if "failed launches" in line)
    assert not {*HARMFUL} & {*failures.removeprefix("- **failed launches**")}
    assert "# x" not in page
