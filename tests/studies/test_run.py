"""Whole studies on a cheap place: resumed, killed, failing, on a cluster that shares no disk."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tcpexp.batch import workers
from tcpexp.batch.workplace import GUEST
from tcpexp.errors import HostError
from tcpexp.studies.run import run_study
from tcpexp.studies.standing import standing_of
from tcpexp.studies.study import StudyOptions, load_study
from tcpexp.studies.tables import hash_tables
from tcpexp.studies.watcher import SilentStudyWatcher
from tests.support.cheap import NAME, study_of, write_spec
from tests.support.folders import PROGRAMS


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "log.txt"
    path.write_text("")
    monkeypatch.setenv("CHEAP_LOG", str(path))
    return path


def made(log):
    return [line.split()[1:] for line in log.read_text().splitlines()]


def test_a_study_from_spec_to_report_and_nothing_twice(tmp_path, log):
    spec = write_spec(tmp_path)
    outcome = run_study(study_of(spec, tmp_path / "out"), jobs=2)
    assert (outcome.made, outcome.found, outcome.failed, outcome.left, outcome.exit_code) == (
        12,
        0,
        [],
        0,
        1,
    )
    runs = pl.read_parquet(outcome.path / "tables" / "runs")
    assert runs.height == 12
    row = runs.row(5, named=True)
    assert (row["cell"], row["repeat"], row["seed"], row["rate"], row["rtt"]) == (
        2,
        1,
        2,
        2e6,
        0.01,
    )
    assert (row["segments"], row["per_rtt"], row["last"]) == (2000 + 5000 + 2, 70.02, 7002)
    metrics = pl.read_parquet(outcome.path / "tables" / "metrics")
    assert metrics.filter((pl.col("run") == 5) & (pl.col("metric") == "counters.h1.Tcp.OutSegs"))[
        "value"
    ].to_list() == [7002]
    series = pl.read_parquet(
        outcome.path / "tables" / "series" / "counters", hive_partitioning=True
    )
    assert {"cell", "repeat", "rate", "counter", "value"} <= set(series.columns)
    assert series.filter(pl.col("cell") == 5)["rate"].unique().to_list() == [4e6]
    # 5000 and the seed are not proportional to the rate
    assert [verdict.result for verdict in outcome.verdicts] == ["PASS", "FAIL"]
    page = outcome.report.read_text()
    assert "A study of cheap runs" in page
    assert "<svg" in page
    before = hash_tables(outcome.path / "tables")
    again = run_study(study_of(spec, tmp_path / "out"))
    assert (again.made, again.found) == (0, 12)
    assert len(made(log)) == 12
    assert hash_tables(again.path / "tables") == before


def test_only_what_changed_is_made_again(tmp_path, log, monkeypatch):
    out = tmp_path / "out"
    run_study(study_of(write_spec(tmp_path), out), jobs=2)
    spec = write_spec(tmp_path, rates="[1mbit, 2mbit, 3mbit]")
    spec.write_text(spec.read_text().replace("Does the counter follow?", "Other words."))
    study = study_of(spec, out)
    progress = standing_of(study, study.folder())
    assert (len(progress.done), {run.cell.written["rate"] for run in progress.rest}) == (
        8,
        {"3mbit"},
    )
    monkeypatch.setenv("CHEAP_ENGINE", "2")
    study = study_of(spec, out)
    assert len(standing_of(study, study.folder()).rest) == 12


def test_a_failing_cell_stops_no_other_and_can_be_retried(tmp_path, log, monkeypatch):
    flag = tmp_path / "fails"
    flag.touch()
    monkeypatch.setenv("CHEAP_FAILS", str(flag))
    spec, out = write_spec(tmp_path, rates="[1mbit, 6.66mbit, 2mbit]", repeat=1), tmp_path / "out"
    outcome = run_study(study_of(spec, out), jobs=2)
    assert (outcome.made, len(outcome.failed), outcome.left, outcome.exit_code) == (4, 2, 0, 4)
    assert "told to fail" in outcome.failed[0][1]
    assert "told to fail" in outcome.report.read_text()
    assert {verdict.result for verdict in outcome.verdicts} == {"INCONCLUSIVE"}
    assert run_study(study_of(spec, out)).made == 0
    assert len(made(log)) == 6
    flag.unlink()
    outcome = run_study(study_of(spec, out), jobs=1, retry=True)
    assert (outcome.made, outcome.found, outcome.failed) == (2, 4, [])
    assert not list((outcome.path / "failed").iterdir())


class StopsAfter(SilentStudyWatcher):
    def __init__(self, count):
        self.left = count

    def ends(self, task, result, forecast_s):
        self.left -= 1

    def stop(self):
        return self.left <= 0


def test_an_interrupted_study_goes_on(tmp_path, log, monkeypatch):
    monkeypatch.setenv("CHEAP_SECONDS", "0.05")
    spec, out = write_spec(tmp_path, repeat=4), tmp_path / "out"
    outcome = run_study(study_of(spec, out), jobs=2, watcher=StopsAfter(3))
    assert 3 <= outcome.made < 24
    assert outcome.left == 24 - outcome.made
    assert "runs are complete" in outcome.report.read_text()
    rest = run_study(study_of(spec, out), jobs=2)
    assert (rest.found, rest.made) == (outcome.made, 24 - outcome.made)
    assert len(made(log)) == len({tuple(run) for run in made(log)}) == 24


def test_workers_that_share_no_disk_send_their_runs(tmp_path, log, monkeypatch):
    """A worker that does not see the study's folder: its token is another one there."""
    spec = write_spec(tmp_path, repeat=1)
    whole = run_study(study_of(spec, tmp_path / "whole"), jobs=2)
    monkeypatch.setattr("tcpexp.batch.folder.StudyFolder.is_study", lambda self, token: False)
    study = study_of(spec, tmp_path / "sent")
    with workers.local_workers(1) as client:
        client.run(_blind)
        monkeypatch.setattr("tcpexp.studies.run.remote_workers", lambda address: _same(client))
        outcome = run_study(study, scheduler="tcp://same")
    assert outcome.made == 6
    assert hash_tables(outcome.path / "tables") == hash_tables(whole.path / "tables")


def _blind():
    from tcpexp.batch.folder import StudyFolder

    StudyFolder.is_study = lambda self, token: False


class _same:
    def __init__(self, client):
        self.client = client

    def __enter__(self):
        return self.client

    def __exit__(self, *error):
        return None


def test_a_scheduler_that_is_not_there(tmp_path, log):
    with pytest.raises(HostError, match="no Dask scheduler answers"):
        run_study(
            study_of(write_spec(tmp_path, repeat=1), tmp_path / "out"),
            scheduler="tcp://127.0.0.1:1",
        )


def test_two_coordinators_of_one_folder(tmp_path, log):
    study = study_of(write_spec(tmp_path, repeat=1), tmp_path / "out")
    with study.folder().locked(), pytest.raises(HostError, match="another tcpexp sweep"):
        run_study(study)


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 9))]
)
def test_killed_at_random_moments_and_resumed_the_tables_are_the_same(
    tmp_path, log, monkeypatch, seed
):
    """``kill -9`` of coordinator and workers, again and again: nothing lost, nothing twice, every
    byte of the tables equal.
    """
    spec = write_spec(tmp_path, repeat=6)
    undisturbed = run_study(study_of(spec, tmp_path / "calm"), jobs=2)
    assert (undisturbed.made, undisturbed.failed, undisturbed.left) == (36, [], 0)
    log.write_text("")
    monkeypatch.setenv("CHEAP_SECONDS", "0.1")
    dice = random.Random(seed)
    folder = study_of(spec, tmp_path / "hit").folder()
    for _ in range(3):
        process = start_coordinator(spec, tmp_path / "hit", NAME)
        wait_for_more(log, dice.randrange(1, 5), process)
        disturb(process, dice, 0.2)
    before = sum(folder.has(run.key) for run in study_of(spec, tmp_path / "hit").runs)
    assert before < 36
    outcome = run_study(study_of(spec, tmp_path / "hit"), jobs=2)
    assert (outcome.found, outcome.found + outcome.made, outcome.failed) == (before, 36, [])
    assert hash_tables(outcome.path / "tables") == hash_tables(undisturbed.path / "tables")
    assert not (outcome.path / "work").exists()


GUESTS = """\
name: guests
topology: two_host
links: {h1-h2: {rate: 5mbit, delay: 5ms}}
duration: 1s
actions:
  - {at: 100ms, do: iperf3, from: h1, to: h2, flow: x, until: 900ms}
sweep:
  parameters: {rtt: {set: links.h1-h2.delay, values: [2ms, 5ms, 10ms]}}
  repeat: 2
  series: [throughput, packets]
  measures: {goodput: flows.x.goodput_bps}
"""


@pytest.mark.guest
@pytest.mark.full
def test_real_guests_killed_at_random_moments_give_the_same_tables(tmp_path):
    spec = tmp_path / "guests.yaml"
    spec.write_text(GUESTS)
    undisturbed = run_study(load_study(spec, StudyOptions(out=tmp_path / "calm")), jobs=2)
    assert (undisturbed.made, undisturbed.failed) == (6, [])
    dice = random.Random(11)
    for _ in range(3):
        process = start_coordinator(spec, tmp_path / "hit", GUEST)
        time.sleep(dice.uniform(2, 5))
        disturb(process, dice, 12.0)
    outcome = run_study(load_study(spec, StudyOptions(out=tmp_path / "hit")), jobs=2)
    assert (outcome.found + outcome.made, outcome.failed) == (6, [])
    assert hash_tables(outcome.path / "tables") == hash_tables(undisturbed.path / "tables")


def disturb(process, dice, longest_s):
    """Kill a worker or two at random moments, or none, and the coordinator at another one."""
    for _ in range(dice.randrange(3)):
        time.sleep(dice.uniform(0, longest_s))
        for pid in dice.sample(workers_of(process.pid), 1) if workers_of(process.pid) else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    time.sleep(dice.uniform(0, longest_s))
    process.kill()
    process.wait()


def workers_of(coordinator):
    """Return the process ids of a coordinator's workers: its children that were started to be
    others' processes.
    """
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == coordinator and b"spawn_main" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return sorted(found)


def start_coordinator(spec, out, workplace):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder),
    }
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / "coordinator.py"), str(spec), str(out), "2", workplace],
        env=environment,
        stderr=subprocess.DEVNULL,
    )


def wait_for_more(log, count, process):
    """Wait until ``count`` more runs have begun or the process has ended."""
    start = len(made(log))
    while len(made(log)) < start + count and process.poll() is None:
        time.sleep(0.02)
