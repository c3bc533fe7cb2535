from __future__ import annotations

import json

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tests.support.checked_run import MS, CheckedRun, S, process

GOOD, BAD = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"status": 28}, "PASS"),
        ({"status": [7, 28]}, "PASS"),
        ({"status": 0}, "FAIL"),
        ({"status": [0, 7]}, "FAIL"),
        ({"after": "3s", "within": "3s"}, "PASS"),
        ({"after": "3.1s"}, "FAIL"),
        ({"within": "2.9s"}, "FAIL"),
        ({"status": 28, "within": "2.9s"}, "FAIL"),
    ],
)
def test_exit(run: CheckedRun, given: dict[str, object], result: str) -> None:
    run.fill("events", process("get", 1 * S, 4 * S, 28))
    verdict = run.ask("exit", action="get", **given)
    assert verdict.result == result
    assert verdict.measured == "ended 3 s after its start with status 28"
    assert (verdict.evidence[0].from_ns, verdict.evidence[0].to_ns) == (1 * S, 4 * S)


def test_every_run_of_a_repeated_action_must_end_so(run: CheckedRun) -> None:
    run.fill("events", process("get", 1 * S, 2 * S, 0) + process("get", 3 * S, 4 * S, 7))
    verdict = run.ask("exit", action="get", status=0)
    assert verdict.result == "FAIL" and "(of 2 runs)" in verdict.measured
    assert run.ask("exit", action="get", status=[0, 7]).result == "PASS"


def test_exit_of_a_process_that_did_not_end(run: CheckedRun) -> None:
    run.fill("events", process("get", 1 * S))
    verdict = run.ask("exit", action="get", within="5s")
    assert verdict.result == "FAIL" and "did not end during the run" in verdict.measured
    run.says(status="interrupted", end_ns=3 * S)
    assert run.ask("exit", action="get", within="5s").result == "INCONCLUSIVE"


def test_what_the_clean_up_ended_had_not_ended(run: CheckedRun) -> None:
    run.fill("events", process("get", 1 * S, 9 * S, -15))
    assert run.ask("exit", action="get", status=28).result == "FAIL"
    run.says(status="interrupted", end_ns=9 * S)
    assert run.ask("exit", action="get", status=28).result == "INCONCLUSIVE"
    assert run.ask("exit", action="get", after="5s").result == "INCONCLUSIVE"


def test_exit_of_a_process_that_never_started(run: CheckedRun) -> None:
    assert run.ask("exit", action="get", status=0).result == "INCONCLUSIVE"
    run.fill("events", process("server", 0, 1 * S))
    assert run.ask("exit", action="get", status=0).result == "INCONCLUSIVE"


def test_an_unknown_status_never_passes(run: CheckedRun) -> None:
    run.fill("events", process("get", 1 * S, 4 * S, None))
    assert run.ask("exit", action="get", status=0).result == "FAIL"


@pytest.mark.parametrize("name", ["exit", "output"])
def test_asking_nothing_is_refused(name: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="asks nothing"):
        BUILTIN[name].model_validate({"action": "get"})


def test_a_bad_regular_expression_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="not a regular expression"):
        BUILTIN["output"].model_validate({"action": "get", "matches": "("})


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"contains": "received 11000 bytes"}, "PASS"),
        ({"contains": "received 1100 bytes"}, "FAIL"),
        ({"contains": "11.00"}, "FAIL"),
        ({"matches": r"^received \d+ bytes$"}, "PASS"),
        ({"matches": r"^bytes"}, "FAIL"),
        ({"lacks": "error"}, "PASS"),
        ({"lacks": "warning"}, "FAIL"),
        ({"lacks": "warning", "stream": "out"}, "PASS"),
        ({"contains": "received", "lacks": "warning"}, "FAIL"),
    ],
)
def test_output(run: CheckedRun, given: dict[str, object], result: str) -> None:
    run.fill("events", process("get", 1 * S, 2 * S))
    run.log("get.out", "listening\nreceived 11000 bytes\n").log("get.err", "a warning\n")
    verdict = run.ask("output", action="get", **given)
    assert verdict.result == result, verdict
    if given.get("contains") == "received 11000 bytes":
        assert verdict.evidence[0].text == "get.out line 2: received 11000 bytes"


def test_output_that_was_not_recorded_is_inconclusive(run: CheckedRun) -> None:
    run.fill("events", process("get", 1 * S, 2 * S))
    assert run.ask("output", action="get", lacks="error").result == "INCONCLUSIVE"


def test_what_a_cut_output_lacks_might_have_come(run: CheckedRun) -> None:
    run.fill("events", process("get", 1 * S)).log("get.out", "begun\n").says(
        status="interrupted", end_ns=3 * S
    )
    assert run.ask("output", action="get", contains="done").result == "INCONCLUSIVE"
    assert run.ask("output", action="get", lacks="error").result == "INCONCLUSIVE"
    assert run.ask("output", action="get", contains="begun").result == "PASS"


@pytest.fixture
def downloaded(run: CheckedRun) -> CheckedRun:
    """A download of big.bin, hash ``GOOD`` at both ends."""
    served = [
        {"event": "file", "path": "/index.html", "sha256": BAD},
        {"event": "response", "path": "/big.bin", "sha256": GOOD},
    ]
    run.log("server.out", "".join(json.dumps(line) + "\n" for line in served))
    return run.fill("events", process("get", 1 * S, 2 * S)).log(
        "get.out", f"status=200 bytes=5\n{GOOD}  big.bin\n"
    )


def test_download(downloaded: CheckedRun) -> None:
    verdict = downloaded.ask("download", action="get")
    assert (verdict.result, verdict.measured) == ("PASS", "intact")
    assert downloaded.ask("download", action="get", intact=False).result == "FAIL"


def test_a_damaged_download(downloaded: CheckedRun) -> None:
    downloaded.log("get.out", f"{BAD}  big.bin\n")  # the hash of another file does not excuse it
    verdict = downloaded.ask("download", action="get")
    assert (verdict.result, verdict.measured) == ("FAIL", "damaged")
    downloaded.log("get.out", "curl: (28) timed out\n")
    assert downloaded.ask("download", action="get").measured == "no file arrived"


def test_a_download_that_did_not_end_is_cut_short(downloaded: CheckedRun) -> None:
    downloaded.fill("events", process("get", 1 * S, 2 * S, -15)).log("get.out", f"{BAD}  big.bin\n")
    verdict = downloaded.ask("download", action="get")
    assert (verdict.result, verdict.measured) == ("FAIL", "cut short")


@pytest.mark.parametrize(
    "spoil", ["server log", "client log", "not ended", "not started", "other file"]
)
def test_download_without_both_sides_is_inconclusive(downloaded: CheckedRun, spoil: str) -> None:
    logs = downloaded.path / "raw" / "logs"
    if spoil == "server log":
        (logs / "server.out").unlink()
    if spoil == "client log":
        (logs / "get.out").unlink()
    if spoil == "not ended":
        downloaded.fill("events", process("get", 1 * S))
    if spoil == "not started":
        downloaded.fill("events", [])
    if spoil == "other file":
        downloaded.log("get.out", f"{GOOD}  other.bin\n")
    assert downloaded.ask("download", action="get").result == "INCONCLUSIVE"


def test_times_of_steps_of_one_action_are_found_by_its_name(tmp_path) -> None:
    import dataclasses

    run = CheckedRun(tmp_path / "run")
    steps = tuple(
        dataclasses.replace(step, id="get.1" if step.id == "get" else step.id)
        for step in run.plan.steps
    )
    run.plan = dataclasses.replace(run.plan, steps=steps)
    run.write()
    run.fill("events", process("get.1", 1 * S, 1 * S + 5 * MS))
    assert run.ask("exit", action="get", status=0, within="5ms").result == "PASS"
