"""Connecting where it does not go as it should: each experiment passes in the guest, and fails when its mechanism is changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.paths import experiments_dir
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import Firewall, Spawn
from tcpexp.runner import RunOptions, run_experiment
from tcpexp.spec.load import load_spec

QUEUE_OF_SIX = "actions[server].args=[--port, 80, --backlog, 5]"


@dataclass(frozen=True)
class Twin:
    """An experiment with one mechanism changed by ``--set``: the indices in ``expect:`` of the checks that must FAIL."""

    experiment: str
    changes: tuple[str, ...]
    fails: frozenset[int]


def twin(experiment: str, *changes: str, fails: tuple[int, ...]) -> Twin:
    return Twin(experiment, changes, frozenset(fails))


TWINS = [
    twin("dead_host", "hosts.h1.sysctls.net.ipv4.tcp_syn_retries=5", fails=(0, 1)),
    twin("dead_host_retries_3", "hosts.h1.sysctls.net.ipv4.tcp_syn_retries=2", fails=(0, 1)),
    twin("dead_host_same_subnet", "hosts.h1.sysctls.net.ipv4.neigh.h1-eth0.mcast_solicit=2", fails=(4, 5)),
    twin("dead_host_same_subnet", "actions[absent].argv=[curl, -q, -v, --noproxy, '*', 'http://{h2}/index.html']", fails=(1, 2, 4, 5, 6)),
    twin("closed_port", "actions[2].at=9s", fails=(2, 3, 5, 6, 7, 8)),
    twin("synack_drop_isolated", "actions[quiet_five].at=20s", fails=(0, 1)),
    twin("synack_drop_isolated", "actions[fewer].value=3", fails=(4, 5)),
    twin("accept_queue_overflow", QUEUE_OF_SIX, fails=(1,)),
    twin("accept_queue_overflow", "hosts.h2.sysctls.net.ipv4.tcp_abort_on_overflow=1", fails=(3,)),
    twin("accept_queue_abort", "hosts.h2.sysctls.net.ipv4.tcp_abort_on_overflow=0", fails=(2,)),
]
EXPERIMENTS = list(dict.fromkeys(each.experiment for each in TWINS))


def compiled(name, *overrides):
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(experiments_dir() / f"{name}.yaml", catalogue, overrides=overrides), catalogue)


def verdicts(name: str, folder: Path, *overrides: str) -> list[str]:
    """Run an experiment in the guest; return ``result title: reason`` of each check."""
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
@pytest.mark.parametrize("changed", TWINS, ids=lambda each: f"{each.experiment}-{each.changes[0].partition('=')[0].rpartition('.')[2]}")
def test_a_changed_mechanism_fails(changed, tmp_path):
    found = verdicts(changed.experiment, tmp_path, *changed.changes)
    failed = {index for index, each in enumerate(found) if each.startswith("FAIL ")}
    assert changed.fails <= failed, found


@pytest.mark.parametrize("changed", TWINS, ids=lambda each: f"{each.experiment}-{each.changes[0].partition('=')[0].rpartition('.')[2]}")
def test_a_twin_is_a_valid_experiment_that_differs(changed):
    assert compiled(changed.experiment, *changed.changes) != compiled(changed.experiment)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_is_expected_says_why_and_the_report_explains(name):
    plan = compiled(name)
    assert any("because" in given for entry in plan.expect for given in entry.values())
    assert "**Try next.**" in plan.explain and "**Look at**" in plan.explain
    assert any("RFC" in each for each in plan.references)


def test_the_dead_host_is_behind_a_router_that_keeps_quiet():
    plan = compiled("dead_host")
    routers = {node.name for node in plan.network.nodes if node.kind == "router"}
    (rule,) = [step.do for step in plan.steps if isinstance(step.do, Firewall)]
    assert (rule.chain, rule.rule[-1]) == ("FORWARD", "DROP")
    assert rule.node in routers


def test_the_absent_host_is_on_the_clients_subnet_and_nobody():
    plan = compiled("dead_host_same_subnet")
    (url,) = [word for step in plan.steps if isinstance(step.do, Spawn) and step.id == "absent" for word in step.do.argv if "http" in word]
    taken = {interface.ipv4.split("/")[0] for node in plan.network.nodes for interface in node.interfaces}
    address = url.split("/")[2]
    assert address.rpartition(".")[0] in {each.rpartition(".")[0] for each in taken}
    assert address not in taken
