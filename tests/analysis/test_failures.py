"""Which ends of programs are failures: from events, plan and output."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tcpexp.analysis.certificate import certify_run
from tcpexp.analysis.failures import find_failures
from tcpexp.plan.types import FlowPlan, Recorder, Spawn, Step

MS = 1_000_000


def spawn(step_id, *argv, allowed=("0",), label="a program", **more):
    return Step(
        step_id, 0, 0, Spawn("h1", argv or ("prog",), allowed_status=allowed, **more), label
    )


def end(step_id, status, t_ns=1000 * MS, **more):
    row = {
        "t_ns": t_ns,
        "planned_ns": None,
        "lateness_ns": None,
        "event": "end",
        "step": step_id,
        "action": 0,
        "kind": "spawn",
    }
    return {
        **row,
        "node": "h1",
        "label": "a program",
        "status": status,
        "stopped_by": None,
        "text": None,
        **more,
    }


@pytest.fixture
def judged(build, tmp_path):
    def judge(step, *ends, err="", out="", **plan):
        logs = tmp_path / "raw" / "logs"
        logs.mkdir(exist_ok=True)
        (logs / f"{step.id}.err").write_text(err)
        (logs / f"{step.id}.out").write_text(out)
        run = build.plan(steps=(step,), **plan).table("events", *ends).done()
        return run, find_failures(run)

    return judge


@pytest.mark.parametrize(
    ("allowed", "status", "how", "wrong"),
    [
        (("0",), 0, {}, False),
        (("0",), 2, {}, True),
        (("0",), -9, {}, True),
        (("0", "2"), 2, {}, False),
        (("2",), 0, {}, True),
        (("0",), -15, {"stopped_by": "TERM"}, False),
        (("0",), 143, {"stopped_by": "TERM"}, False),
        (("0",), -11, {"stopped_by": "TERM"}, True),
        (("SIGSEGV",), -11, {"stopped_by": "TERM"}, False),
        (("0",), 1, {"planned_ns": 900 * MS}, False),
        (("0",), 1, {"t_ns": 20_000 * MS}, False),
        (("0",), 1, {"t_ns": 19_999 * MS}, True),
    ],
)
def test_an_end(judged, allowed, status, how, wrong):
    _, failures = judged(spawn("prog", allowed=allowed), end("prog", status, **how))
    assert bool(failures) is wrong


def test_what_is_said(judged):
    written = "usage: echo.py\necho.py: error: --protocol is required\n"
    run, (failure,) = judged(
        spawn("echo", "python3", "-u", "{dir}/apps/echo.py"), end("echo", 2), err=written
    )
    assert failure.text == "echo ended with status 2: echo.py: error: --protocol is required"
    assert (failure.program, failure.node, failure.last_words) == (
        "echo.py",
        "h1",
        ("usage: echo.py", "echo.py: error: --protocol is required"),
    )
    assert run.failures[0]["text"] == failure.text


def test_the_certificate_names_it(judged):
    run, (failure,) = judged(spawn("echo"), end("echo", 2), err="no\n")
    certificate = certify_run(run)
    assert certificate["verdict"] == "SUSPECT"
    assert any(failure.text in reason for reason in certificate["reasons"])


def test_a_flow_gives_its_program_a_name(judged):
    flow = FlowPlan("big", "h1", "h2", 5201, "h1", "iperf3", "a00", "not_first", None, 0, None)
    report = '{"start": {}, "end": {}, "error": "socket buffer size not set correctly"}'
    _, (failure,) = judged(
        spawn("a00", "iperf3", "-c", "10.0.0.2", label="big starts"),
        end("a00", 0),
        out=report,
        flows=(flow,),
    )
    assert failure.text == "big reported an error: iperf3: socket buffer size not set correctly"


@pytest.mark.parametrize(
    ("error", "allowed"),
    [("the client has terminated", ("0",)), ("refused", ("0", "1")), ("refused", ("any",))],
)
def test_an_error_of_iperf3_that_is_none(judged, error, allowed):
    report = f'{{"start": {{}}, "end": {{}}, "error": "{error}"}}'
    assert not judged(
        spawn("a00.server", "iperf3", "-s", allowed=allowed), end("a00.server", 0), out=report
    )[1]


def test_of_many_runs_the_number_is_said(judged):
    ends = [end("often", status, t_ns=at * MS) for at, status in enumerate((0, 3, 0, 3), start=1)]
    _, (failure,) = judged(spawn("often"), *ends, err="x\n")
    assert (failure.runs, failure.failed_runs, failure.t_ns) == (4, 2, 2 * MS)
    assert "2 of 4 times" in failure.text


def test_what_must_end_so_may_not_end_otherwise(judged):
    """``expect_status`` of the plan is for what the run cannot do without."""
    assert judged(spawn("route", expect_status=0, allowed=("any",)), end("route", 1))[1]


def test_a_recorder_is_a_program_too(judged):
    recorder = Recorder(
        "command", "h1", None, None, {"argv": ["ip", "monitor"], "output": "monitor.txt"}
    )
    _, (failure,) = judged(spawn("fine"), end("recorder0", 255, action=None), recorders=(recorder,))
    assert failure.text.startswith("recorder of monitor.txt ended with status 255")


def test_a_process_that_never_ended_is_none(judged):
    assert judged(replace(spawn("prog"), label="x"), end("prog", None))[1] == []
