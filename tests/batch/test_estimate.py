"""What is left to do, from what was done: time, bytes, and how many at a time."""

from __future__ import annotations

from tcpexp.batch.estimate import Forecast, estimate_rest, jobs_that_fit


def test_finished_runs_correct_the_rule():
    forecast = Forecast(1000, 10.0, 2e6, 1e9)
    done = [(forecast, {"wall_s": 20.0, "kept_bytes": 1e6})] * 3
    estimate = estimate_rest([forecast] * 8, done, 2)
    assert (estimate.wall_s, estimate.kept_bytes, estimate.corrected_by) == (80.0, 8e6, 3)
    assert estimate_rest([], done, 2).wall_s == 0


def test_memory_limits_how_many_run_at_a_time():
    count, remark = jobs_that_fit(None, 1e15)
    assert count == 1
    assert remark is not None or count == 1
    assert jobs_that_fit(7, 1e15)[0] == 7
    assert "too many" in str(jobs_that_fit(7, 1e15)[1])
