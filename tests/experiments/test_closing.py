"""How connections end: each experiment passes in the guest, and a changed mechanism fails the checks that are about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.paths import experiments_dir
from tcpexp.plan.compile import compile_plan
from tcpexp.runner import RunOptions, run_experiment
from tcpexp.spec.load import load_spec


@dataclass(frozen=True)
class Twin:
    """An experiment with one mechanism changed: ``fails`` are words of the checks that must then FAIL."""

    experiment: str
    change: str
    fails: tuple[str, ...]


TWINS = [
    Twin(
        "half_close",
        'actions[client].args=[--to, "{h2}", --port, 5000, "500ms:send:100B", "500ms:close"]',
        ("sockets in state close-wait on h2", "output of action client", "resets to h2", "end of action server"),
    ),
    Twin(
        "simultaneous_close",
        'actions[server].args=[--listen, 5000, "1060ms:close"]',
        ("transitions FIN-WAIT-1 → CLOSING", "transitions ESTABLISHED → CLOSE-WAIT", "sockets in state time-wait on h2"),
    ),
    Twin("all_states", "actions[5].at=3200ms", ("11 states reached", "transitions SYN-SENT → SYN-RECEIVED, port 5002")),
    Twin("all_states", "duration=50s", ("transitions TIME-WAIT → CLOSED",)),
    Twin("keepalive", "hosts.h1.sysctls.net.ipv4.tcp_keepalive_probes=2", ("pure ACKs from h1", "packets labelled keep_alive from h1", "end of action client")),
    Twin("keepalive", "hosts.h1.sysctls.net.ipv4.tcp_keepalive_intvl=4", ("pure ACKs from h1",)),
    Twin("orphan_fin_wait2", "hosts.h1.sysctls.net.ipv4.tcp_fin_timeout=12", ("sockets in state fin-wait-2 on h1, port 5001",)),
    Twin("syn_scan", 'actions[scan].argv=[nmap, -sT, -r, -n, -Pn, --reason, -p, "80-83", "{h2}"]', ("output of action web",)),
    Twin("syn_scan", "actions[1].drop.port=81", ("output of action scan",)),
]
EXPERIMENTS = list(dict.fromkeys(each.experiment for each in TWINS))


def compiled(name, *overrides):
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(experiments_dir() / f"{name}.yaml", catalogue, overrides=overrides), catalogue)


def verdicts(name: str, folder: Path, *overrides: str) -> list[str]:
    """Run an experiment in the guest; return ``RESULT title: reason`` of each check."""
    outcome = run_experiment(experiments_dir() / f"{name}.yaml", RunOptions(on="guest", overrides=overrides, out=folder))
    assert outcome.status == "complete", outcome.problems
    return [f"{each.result} {each.title}: {each.reason}" for each in outcome.checks]


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_check_passes(name, tmp_path):
    assert [each for each in verdicts(name, tmp_path) if not each.startswith("PASS ")] == []


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.parametrize("twin", TWINS, ids=lambda each: f"{each.experiment}-{each.change.partition('=')[0]}")
def test_a_changed_mechanism_fails(twin, tmp_path):
    found = verdicts(twin.experiment, tmp_path, twin.change)
    failed = [each for each in found if each.startswith("FAIL ")]
    for words in twin.fails:
        assert any(words in each for each in failed), (words, found)


@pytest.mark.parametrize("twin", TWINS, ids=lambda each: f"{each.experiment}-{each.change.partition('=')[0]}")
def test_a_twin_is_a_valid_experiment_that_differs(twin):
    assert compiled(twin.experiment, twin.change) != compiled(twin.experiment)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_is_expected_says_why_and_the_report_explains(name):
    plan = compiled(name)
    assert any("because" in given for entry in plan.expect for given in entry.values())
    assert "**Try next.**" in plan.explain and "**Look at**" in plan.explain
    assert any("RFC" in each for each in plan.references)


def test_the_two_connections_of_all_states_are_asked_for_all_eleven():
    (asked,) = [entry["visited"]["states"] for entry in compiled("all_states").expect if "visited" in entry]
    assert len(set(asked)) == 11
