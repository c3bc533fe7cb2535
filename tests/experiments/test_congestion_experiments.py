"""Congestion control: each experiment passes in the guest, and a changed mechanism fails the checks
that are about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.paths import find_spec
from tcpexp.plan.compile import compile_plan
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.spec.load import load_spec


@dataclass(frozen=True)
class Twin:
    """An experiment with one mechanism changed: ``fails`` are words of checks that must then FAIL,
    ``passes`` of some that must not.
    """

    experiment: str
    changes: tuple[str, ...]
    fails: tuple[str, ...]
    passes: tuple[str, ...] = ()


TWINS = [
    Twin(  # Reno under CUBIC's name: no HyStart, half instead of 0.7
        "cc_phases",
        ("actions[0].congestion_control=reno",),
        ("phases slow_start that ended by hystart of flow cubic", "back-off factor of flow cubic"),
        ("back-off factor of flow reno", "initial window of flow cubic"),
    ),
    Twin(  # the path goes on working: no timeout
        "cc_phases",
        ("actions[1].loss=0.001%", "actions[3].loss=0.001%"),
        (
            "phases rto_recovery of flow cubic",
            "phases rto_recovery of flow reno",
            "loss events of flow cubic noticed by rto",
        ),
        ("back-off factor of flow cubic",),
    ),
    Twin(  # a FIFO where fq_codel stood, and a short FIFO
        "bufferbloat",
        ("links.a2-b2={rate: 10mbit, delay: 20ms, queue: 500p}", "links.a1-b1.queue=1bdp"),
        (
            "queueing delay of flow fq_codel",
            "RTT of flow fq_codel",
            "queueing delay of flow fifo",
            "RTT of flow fifo",
        ),
        ("queueing delay of flow cake",),
    ),
    Twin(  # BBR beside Reno takes most
        "competing_flows",
        ("actions[1].congestion_control=bbr",),
        ("convergence of the flows towards h2",),
        ("goodput of flow first from 2 s to 15 s",),
    ),
    Twin(  # switched to Reno: no model, a full queue
        "cc_switch",
        ("actions[1].algorithm=reno",),
        (
            "phases startup of flow upload",
            "phases probe_rtt of flow upload",
            "50th percentile of the queueing delay of flow upload",
        ),
        ("back-off factor of flow upload", "that ended by switched"),
    ),
    Twin(  # BBR where CUBIC filled the buffer, and a FIFO where fq_codel stood
        "varying_link",
        (
            "actions[cubic].congestion_control=bbr",
            "links.a3-b3={rate: 5mbit, delay: 20ms, queue: 250p}",
        ),
        ("median RTT of flow cubic", "goodput of flow cubic", "median RTT of flow fq_codel"),
        ("metric followed.0.largest_gap_bytes", "median RTT of flow bbr"),
    ),
    Twin(
        "bbr_vs_cubic_deep",
        ("links.h1-h2.queue=1bdp",),
        ("share of flow bbr", "median RTT of flow cubic"),
        ("99th percentile of the RTT",),
    ),
    Twin(
        "bbr_vs_cubic",
        ("actions[1].congestion_control=cubic",),
        ("phases probe_rtt of flow bbr", "Jain's index of cubic, bbr"),
        ("goodput of flow cubic",),
    ),
]
EXPERIMENTS = list(dict.fromkeys(each.experiment for each in TWINS))
IN_GUEST = [pytest.mark.guest, pytest.mark.full]
NAMED = [
    pytest.param(each, id=f"{each.experiment}-{each.changes[0].partition('=')[0]}")
    for each in TWINS
]


def compiled(name, *overrides):
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(find_spec(name), catalogue, overrides=overrides), catalogue)


def verdicts(name: str, folder: Path, *overrides: str) -> list[str]:
    """Run an experiment in the guest; return ``RESULT title: reason`` of each check."""
    outcome = run_experiment(
        find_spec(name), RunOptions(on="guest", overrides=overrides, out=folder)
    )
    assert outcome.status == "complete", outcome.problems
    return [f"{each.result} {each.title}: {each.reason}" for each in outcome.checks]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[*IN_GUEST, pytest.mark.xdist_group(name)]) for name in EXPERIMENTS],
)
def test_every_check_passes(name, tmp_path):
    assert [each for each in verdicts(name, tmp_path) if not each.startswith("PASS ")] == []


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.parametrize("twin", NAMED)
def test_a_changed_mechanism_fails(twin, tmp_path):
    found = verdicts(twin.experiment, tmp_path, *twin.changes)
    for result, words in [
        *(("FAIL ", each) for each in twin.fails),
        *(("PASS ", each) for each in twin.passes),
    ]:
        assert any(words in each for each in found if each.startswith(result)), (
            result,
            words,
            found,
        )


@pytest.mark.parametrize("twin", NAMED)
def test_a_twin_is_a_valid_experiment_that_differs(twin):
    changed, shipped = compiled(twin.experiment, *twin.changes), compiled(twin.experiment)
    assert changed.expect == shipped.expect
    assert changed != shipped
