"""The experiments on damaged segments: each passes, and another fault or another mechanism of the
sender fails the check that is about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.checks.base import Verdict
from tcpexp.paths import find_spec
from tcpexp.plan.compile import compile_plan
from tcpexp.runs.options import RunOptions
from tcpexp.runs.pipeline import RunOutcome
from tcpexp.runs.runner import run_experiment
from tcpexp.spec.load import load_spec

#: A changed mechanism per experiment: what is replaced in its text, and the checks that must fail.
CHANGES: dict[str, tuple[dict[str, str], set[str]]] = {
    "one_loss": (
        {"nth: 40, effect": "nth: 40, transmission: [1, 2], effect"},
        {"repair", "retransmissions"},
    ),
    "loss_of_retransmission": (
        {
            "lose_rack, flow: rack, nth: 40, transmission: [1, 2]": (
                "lose_rack, flow: rack, nth: 40, transmission: 1"
            )
        },
        {"repair", "counter"},
    ),
    "tail_loss": (
        {"tcp_no_metrics_save: 1": "tcp_no_metrics_save: 1, net.ipv4.tcp_early_retrans: 0"},
        {"repair", "counter"},
    ),
    "lost_synack": (
        {
            "flow: once, from: h2, segment: syn-ack": (
                "flow: once, from: h2, segment: syn-ack, transmission: all"
            )
        },
        {"segments", "exit"},
    ),
    "reorder_threshold": ({"delay: 4200us": "delay: 3ms"}, {"displaced", "repair"}),
}
#: Another sender: Reno takes half of the window where CUBIC takes 0.3 of it; the same segment is
#: lost and repaired.
RENO = (
    "one_loss",
    {
        "seed: 1\nduration": (
            "hosts: {h2: {sysctls: {net.ipv4.tcp_congestion_control: reno}}}\nseed: 1\nduration"
        )
    },
)
#: The fault that is said not to exist: a download of 200 kB has no thousandth segment.
NEVER = ("one_loss", {"nth: 40": "nth: 1000"})
MARKS = [pytest.mark.guest, pytest.mark.full]
FULL = [
    pytest.param(name, marks=[*MARKS, pytest.mark.xdist_group(f"experiment-{name}")])
    for name in CHANGES
]


@pytest.mark.parametrize("name", CHANGES)
def test_the_spec_and_its_changed_copy_compile(name: str, tmp_path: Path) -> None:
    catalogue = load_catalogue(entry_points=False)
    shipped = compile_plan(load_spec(find_spec(name), catalogue), catalogue)
    changed = compile_plan(
        load_spec(changed_copy(name, tmp_path, CHANGES[name][0]), catalogue), catalogue
    )
    assert shipped.expect == changed.expect
    assert (shipped.network, shipped.setup, shipped.steps) != (
        changed.network,
        changed.setup,
        changed.steps,
    )
    assert CHANGES[name][1] <= {check for entry in shipped.expect for check in entry}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", FULL)
def test_it_passes(name: str, seed: int, tmp_path: Path) -> None:
    outcome = run_experiment(find_spec(name), RunOptions(on="guest", seed=seed, out=tmp_path))
    assert [each for each in verdicts(outcome) if each.result != "PASS"] == []
    assert outcome.certificate["verdict"] == "VALID"


@pytest.mark.parametrize("name", FULL)
def test_a_changed_mechanism_fails(name: str, tmp_path: Path) -> None:
    outcome = run_experiment(
        changed_copy(name, tmp_path, CHANGES[name][0]),
        RunOptions(on="guest", out=tmp_path / "results"),
    )
    failed = {each.check for each in verdicts(outcome) if each.result == "FAIL"}
    assert failed >= CHANGES[name][1]


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.xdist_group("experiment-one_loss")
def test_another_reaction_to_the_same_loss_fails_its_check_alone(tmp_path: Path) -> None:
    name, replaced = RENO
    outcome = run_experiment(
        changed_copy(name, tmp_path, replaced), RunOptions(on="guest", out=tmp_path / "results")
    )
    assert {each.check for each in verdicts(outcome) if each.result != "PASS"} == {"backoff"}


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.xdist_group("experiment-one_loss")
def test_a_fault_that_never_acted_is_said_loudly(tmp_path: Path) -> None:
    name, replaced = NEVER
    outcome = run_experiment(
        changed_copy(name, tmp_path, replaced), RunOptions(on="guest", out=tmp_path / "results")
    )
    fault = next(each for each in verdicts(outcome) if each.check == "fault")
    assert (
        fault.result == "FAIL" and "there were only 139 segments of the kind data" in fault.reason
    )
    remark = next(
        each for each in outcome.certificate["items"] if each["name"].startswith("fault: ")
    )
    assert remark["verdict"] == "not measured" and "only 139" in remark["why"]


def changed_copy(name: str, folder: Path, replaced: dict[str, str]) -> Path:
    """Write the experiment with its mechanism changed into ``folder`` and return the file."""
    text = find_spec(name).read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text, f"{name}.yaml no longer has '{old}'"
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def verdicts(outcome: RunOutcome) -> Iterable[Verdict]:
    """Return the verdicts of a run that reached its end."""
    assert outcome.status == "complete", outcome.problems
    assert outcome.checks
    return outcome.checks
