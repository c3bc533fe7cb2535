"""The experiments on receive windows, small writes and ACKs: each passes, and a changed mechanism fails the check that is about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.checks.base import Verdict
from tcpexp.paths import experiments_dir
from tcpexp.pipeline import RunOutcome
from tcpexp.plan.compile import compile_plan
from tcpexp.runner import RunOptions, run_experiment
from tcpexp.spec.load import load_spec

#: A changed mechanism per experiment: what is replaced in its text, and the checks that must fail.
CHANGES: dict[str, tuple[dict[str, str], set[str]]] = {
    "rwnd_autotuning": ({"topology: two_host\n": "topology: two_host\nhosts: {h2: {sysctls: {net.ipv4.tcp_window_scaling: 0}}}\n"}, {"syn_option"}),
    "rwnd_fixed": ({"tcp_window_scaling: 0": "tcp_window_scaling: 1", "4096 4096 4096": "4096 131072 6291456"}, {"syn_option", "window"}),
    "zero_window_probe": ({"--wait, 480s": "--wait, 60s"}, {"segments"}),
    "nagle": ({"--count, 250], flow: nagle": "--count, 250, --no-delay], flow: nagle"}, {"segments", "segment_size"}),
    "silly_window": (
        {"--receive-buffer, 4096": "--receive-buffer, 1024", "250], flow: tiny_writes": "250, --no-delay], flow: tiny_writes"},
        {"window_step", "segments"},
    ),
    "delayed_ack": ({"--wait, 9s, ": ""}, {"ack_delay"}),
    "gso_segments": ({"offloads: true": "offloads: false"}, {"segment_size"}),
}
FULL = [pytest.param(name, marks=[pytest.mark.guest, pytest.mark.full, pytest.mark.xdist_group(f"experiment-{name}")]) for name in CHANGES]


@pytest.mark.parametrize("name", CHANGES)
def test_the_spec_and_its_changed_copy_compile(name: str, tmp_path: Path) -> None:
    catalogue = load_catalogue(entry_points=False)
    shipped = compile_plan(load_spec(experiments_dir() / f"{name}.yaml", catalogue), catalogue)
    changed = compile_plan(load_spec(changed_copy(name, tmp_path), catalogue), catalogue)
    assert shipped.expect == changed.expect
    assert (shipped.network, shipped.setup, shipped.steps) != (changed.network, changed.setup, changed.steps)
    assert CHANGES[name][1] <= {check for entry in shipped.expect for check in entry}


@pytest.mark.parametrize("name", FULL)
def test_it_passes(name: str, tmp_path: Path) -> None:
    outcome = run_experiment(experiments_dir() / f"{name}.yaml", RunOptions(on="guest", out=tmp_path))
    assert [each for each in verdicts(outcome) if each.result != "PASS"] == []
    assert outcome.certificate["verdict"] == "VALID"


@pytest.mark.parametrize("name", FULL)
def test_a_changed_mechanism_fails(name: str, tmp_path: Path) -> None:
    outcome = run_experiment(changed_copy(name, tmp_path), RunOptions(on="guest", out=tmp_path / "results"))
    failed = {each.check for each in verdicts(outcome) if each.result == "FAIL"}
    assert failed >= CHANGES[name][1]


def changed_copy(name: str, folder: Path) -> Path:
    """Write the experiment with its mechanism changed into ``folder`` and return the file."""
    text = (experiments_dir() / f"{name}.yaml").read_text(encoding="utf-8")
    for old, new in CHANGES[name][0].items():
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
