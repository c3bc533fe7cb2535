"""What disciplines say over time: classes' rates, lines of a controller, runs of packets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl
import pytest

from tcpexp.plan.types import ClassPlan, QueuePlan, QueueSetting
from tcpexp.plots.classes import Classes
from tcpexp.plots.discipline import Discipline
from tcpexp.plots.spacing import Spacing
from tcpexp.views.disciplines import class_rates, control_lines, runs_of_packets
from tests.support.checked_run import CheckedRun, S, plan

PLACE = {"link": "h1-h2", "towards": "h2"}


def with_queue(path: Path, queue: QueuePlan) -> CheckedRun:
    made = plan()
    link = made.network.links[0]
    link = dataclasses.replace(link, forward=dataclasses.replace(link.forward, queue=queue))
    network = dataclasses.replace(made.network, links=(link,))
    return CheckedRun(path, network=network)


def htb(path: Path) -> CheckedRun:
    classes = (ClassPlan("web", 10**6, 2 * 10**6, 0, 1514, 50), ClassPlan("rest", 1, None, 0, 1, 1))
    run = with_queue(path, QueuePlan("htb", 50, None, classes=classes))
    rows = [
        {"t_ns": t * S // 2, **PLACE, "class": "web", "sent_bytes": 62_500 * t, "lends": t}
        for t in range(21)
    ]
    return run.fill("classes", rows)


def dualpi2(path: Path) -> CheckedRun:
    settings = (QueueSetting("target", 15e6), QueueSetting("coupling", 2.0))
    run = with_queue(path, QueuePlan("dualpi2", 100, None, True, (), settings))
    values = {"probability": 0.1, "classic_delay": 14e6, "l4s_delay": 2e5}
    rows = [
        {"t_ns": t * S, **PLACE, "qdisc": "queue", "kind": "dualpi2", "name": name, "value": value}
        for t in range(11)
        for name, value in values.items()
    ]
    return run.fill("queue_statistics", rows)


def test_the_rate_of_a_class_per_interval(tmp_path: Path) -> None:
    rates = class_rates(htb(tmp_path).data())
    assert rates["rate_bps"].to_list() == pytest.approx([1e6] * 20)
    assert set(rates["place"]) == {"h1-h2 to h2"}


def test_what_dualpi2_does_to_either_queue(tmp_path: Path) -> None:
    lines, targets = control_lines(dualpi2(tmp_path).data())
    means = {
        (line, what): value
        for line, what, value in lines.group_by("line", "what")
        .agg(pl.col("value").mean())
        .iter_rows()
    }
    assert means == {
        ("classic queue", "probability"): pytest.approx(0.01),
        ("low-latency queue", "probability"): pytest.approx(0.2),
        ("classic queue", "delay"): pytest.approx(14e6),
        ("low-latency queue", "delay"): pytest.approx(2e5),
    }
    assert targets == [15e6]


def test_packets_in_a_row() -> None:
    gaps = pl.DataFrame(
        {
            "t_ns": [0, 1, 2, 100, 101, 300],
            "gap_ns": [50, 1, 1, 98, 1, 199],
            "capture": ["h1-eth0"] * 6,
            "number": [1, 2, 3, 4, 5, 6],
        }
    )
    assert runs_of_packets(gaps, 10)["packets"].to_list() == [3, 2, 1]


def test_figures_are_drawn_from_what_there_is(tmp_path: Path) -> None:
    empty = CheckedRun(tmp_path / "none").data()
    for plot in (Classes, Discipline, Spacing):
        assert plot().draw(empty, {"title": "", "between": None}) is None
    drawn = Classes().draw(htb(tmp_path / "htb").data(), {"title": "", "between": None})
    assert drawn is not None
    assert drawn.axes[0].get_legend().get_texts()[0].get_text() == "web"
    drawn = Discipline().draw(dualpi2(tmp_path / "dp").data(), {"title": "", "between": None})
    assert drawn is not None
    assert len(drawn.axes) == 2
