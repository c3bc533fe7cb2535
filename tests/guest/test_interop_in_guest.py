"""The user-space TCP and the guest's kernel over a TUN device: the cases of
tests/tcp/test_interop.py once more, with the pinned kernel and exact timers.
"""

import json
import shutil
from pathlib import Path

import pytest

from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tests.support.folders import PROGRAMS
from tests.support.interop_verdicts import CASES, complaints, kernel_complaints

pytestmark = [pytest.mark.guest, pytest.mark.full]
EVERY_S = 20
SPEC = """
name: interop_cases
title: Every way to begin and end a connection with the guest's kernel
topology: two_host
links:
  h1-h2: {{rate: 10mbit, delay: 10ms, queue: 100p}}
duration: {duration}s
actions:
"""
ARGUMENTS = "[{case}, --ip, {ip}, --capture, '{{out}}/u0.pcap', --path, '{{tcpexp}}']"
ACTION = (
    "  - {{at: {at}s, do: python, id: {case}, host: h1, script: interop_program.py, args: "
    + ARGUMENTS
    + "}}\n"
)


@pytest.fixture(scope="module", params=[4, 6])
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, Path]:
    """Run all cases of one version of IP, one after the other, and return where their
    results lie.
    """
    folder = tmp_path_factory.mktemp("cases")
    shutil.copy(PROGRAMS / "interop_program.py", folder)
    spec = folder / "cases.yaml"
    text = SPEC.format(duration=EVERY_S * (len(CASES) + 1))
    spec.write_text(
        text
        + "".join(
            ACTION.format(at=1 + EVERY_S * at, case=case, ip=request.param)
            for at, case in enumerate(CASES)
        )
    )
    outcome = run_experiment(
        spec,
        RunOptions(on="guest", overrides=(f"topology.ip={request.param}",), out=folder / "results"),
    )
    assert outcome.status == "complete", outcome.problems
    return request.param, outcome.path / "raw" / "logs"


@pytest.mark.parametrize("case", CASES)
def test_beginnings_and_ends(case: str, results: tuple[int, Path]) -> None:
    ip, logs = results
    lines = (logs / f"{case}.out").read_text().splitlines()
    assert lines, (logs / f"{case}.err").read_text()[-2000:]
    found, expected = json.loads(lines[-1]), CASES[case]
    assert {key: found[key] for key in expected.found} == expected.found
    assert kernel_complaints(found, case) == {}
    assert complaints(logs / case / "u0.pcap", ip, expected.explained) == []
