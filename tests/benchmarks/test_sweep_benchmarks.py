"""The benchmarks of sweeps: the model's arithmetic, and the whole of the cheap measurement once."""

from __future__ import annotations

import json

import pytest
import sweep
import sweep_scale

CASES = [(1000, 10, 3.0, 0.0, 300), (1000, 10, 3.0, 1.0, 1003), (10, 100, 3.0, 0.001, 3.45)]


@pytest.mark.parametrize(("runs", "cores", "length", "service", "seconds"), CASES)
def test_cores_or_the_coordinator_limit_the_rate(runs, cores, length, service, seconds):
    took, cores_busy, coordinator_busy = sweep_scale.play(runs, cores, length, service)
    assert took == pytest.approx(seconds, rel=0.05)
    assert 0 < cores_busy <= 1
    assert coordinator_busy <= 1.001
    if service == 1.0:
        assert coordinator_busy == pytest.approx(1, abs=0.01)


def test_a_row_says_what_the_sweep_adds():
    side = sweep.Side(2, wall_s=[10.0], per_block=4)
    side.results = [sweep.CellResult("k", "complete", cost={"wall_s": 4.5, "processor_s": 4.0})] * 4
    row = side.row()
    assert (row["runs/min"], row["added %"], row["run cpu s"]) == (24.0, 10.0, 4.0)


def test_the_cheap_measurement(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(sweep.__file__).rsplit("/", 1)[0])
    assert (
        sweep.main(["--cheap", "--runs", "4", "--block", "2", "--json", str(tmp_path / "out.json")])
        == 0
    )
    assert "times the rate of one at a time" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out.json").read_text())["costs"]["2"]) == 2
