"""The worked examples of docs/guides/extending.md do what the page says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData
from tests.support.doc_examples import ROOT, examples_of, unpack

SPEC = """
name: use_forget_metrics
topology: two_host
duration: 2s
actions:
  - {at: 1s, do: forget_metrics, host: h1}
"""
PAGE = ROOT / "docs" / "guides" / "extending.md"


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of tcpexp with the page's new primitive, and a spec beside it."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(
        ROOT / "tcpexp", folder / "tcpexp", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "topologies").symlink_to(ROOT / "topologies")
    (difference,) = [example for example in examples_of(PAGE) if example.language == "diff"]
    subprocess.run(
        ["git", "apply", "-C1", "-"], cwd=folder, input=difference.text, text=True, check=True
    )
    (folder / "use_forget_metrics.yaml").write_text(SPEC)
    return folder


def tcpexp(folder: Path, *arguments: str) -> str:
    """Run the changed copy's command line; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    argv = [sys.executable, "-m", "tcpexp.cli.main", *arguments]
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_primitive_is_four_files() -> None:
    (difference,) = [example for example in examples_of(PAGE) if example.language == "diff"]
    touched = [line for line in difference.text.splitlines() if line.startswith("+++ ")]
    assert len(touched) == 4


def test_the_primitive_is_planned(changed: Path) -> None:
    plan = tcpexp(changed, "plan", "use_forget_metrics.yaml", "--json")
    assert [step["do"] for step in json.loads(plan)["steps"]] == [
        {"kind": "forget_metrics", "node": "h1"}
    ]


@pytest.mark.guest
def test_the_primitive_is_done(changed: Path) -> None:
    tcpexp(changed, "run", "use_forget_metrics.yaml", "--out", "runs", "--quiet")
    (run,) = (changed / "runs" / "use_forget_metrics").iterdir()
    events = RunData(run).table("events")
    assert events.filter(pl.col("kind") == "forget_metrics")["text"].to_list() == ["forgotten"]


@pytest.mark.guest
def test_the_recorder_fills_its_table(tmp_path: Path) -> None:
    unpack(PAGE.name, tmp_path)
    options = RunOptions(on="guest", out=tmp_path / "runs")
    outcome = run_experiment(tmp_path / "use_time_wait.yaml", options)
    assert outcome.exit_code == 0, outcome.problems
    run = RunData(outcome.path)
    rows = run.table("time_wait")
    assert rows.columns == ["t_ns", "node", "sockets"]
    assert rows["node"].to_list() == ["h1", "h2"] * 16
    assert rows["t_ns"].is_between(0, run.end_ns + 5_000_000).all()
    assert rows.filter(pl.col("node") == "h1")["sockets"].max() == 4
    assert run.engine["samplers"]["time_wait"]["taken"] == 32
