"""Programs that fail in a run: named in terminal, report and certificate, with their last words.

Exit code 1 unless the spec expects it.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tcpexp.errors import HostError
from tcpexp.report.terminal import print_summary
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.manifest import read_manifest
from tcpexp.store.rundata import RunData

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("failing_programs")]
CASES = Path(__file__).parent / "cases"

SPEC = """\
name: failing
topology: two_host
duration: 4s
links: {h1-h2: {rate: 10mbit, delay: 5ms}}
record: {ss: off, qdisc: off, trace: off, counters: off}
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: stopped, until: 2s}
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: refused, window: 500MB, bytes: 10kB}
  - {at: 500ms, do: python, id: crashes, host: h1, script: crashes.py}
  - {at: 500ms, do: command, id: absent, host: h1, argv: [/nowhere/netwox, "76"]}
  - {at: 600ms, do: command, id: unknown, host: h1, shell: "netwox 76"}
  - {at: 1s, do: command, id: often, host: h1, shell: "echo no such file >&2; exit 3", every: 1s}
  - {at: 1s, do: command, id: expected, host: h1, shell: "exit 3", expect_status: [0, 3]}
  - {at: 1s, do: command, id: any_end, host: h1, shell: "exit 9", expect_status: any}
  - {at: 1s, do: command, id: not_so, host: h1, shell: "exit 0", expect_status: 5}
  - {at: 1s, do: command, id: to_the_end, host: h1, argv: [sleep, 60]}
  - {at: 1s, do: command, id: caught, host: h1, until: 2s,
     shell: "trap 'exit 7' TERM; while :; do sleep 0.05; done"}
  - {at: 1s, do: command, id: shot, host: h1, argv: [sleep, 60]}
  - {at: 2s, do: kill, action: shot, signal: KILL}
  - {at: 3s, do: http_get, id: nobody, from: h1, to: h2}
  - {at: 3s, do: http_get, id: nobody_expected, from: h1, to: h2, expect_status: 7}
"""
CRASHES = """\
import ctypes, sys
print("about to read what is not there", file=sys.stderr, flush=True)
ctypes.string_at(0)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failing")
    (folder / "failing.yaml").write_text(SPEC)
    (folder / "crashes.py").write_text(CRASHES)
    return run_experiment(folder / "failing.yaml", RunOptions(on="guest", out=folder / "results"))


@pytest.fixture(scope="module")
def failures(outcome):
    return {failure.step: failure for failure in outcome.failures}


def test_exactly_those_that_nobody_expected_are_named(failures):
    assert sorted(failures) == [
        "a01",
        "a01.server",
        "absent",
        "crashes",
        "nobody",
        "not_so",
        "often",
        "unknown",
    ]


def test_a_crash_is_named_by_its_signal_with_the_last_words(failures):
    assert failures["crashes"].status == -11
    assert (
        failures["crashes"].text
        == "crashes was killed by SIGSEGV (segmentation fault): crashes.py: about to read what is"
        " not there"
    )


def test_an_error_in_iperf3s_json_counts_although_it_ends_with_0(failures):
    assert "socket buffer size not set correctly" in failures["a01"].text
    assert failures["a01"].text.startswith("refused ")


def test_a_program_that_is_not_there_is_said_to_be(failures):
    assert failures["absent"].status == 127
    assert "there is no such program on this place" in failures["absent"].text
    assert "netwox: not found" in failures["unknown"].text


def test_one_that_is_repeated_is_named_once_with_its_number(failures):
    assert (failures["often"].runs, failures["often"].failed_runs) == (3, 3)
    assert "3 of 3 times" in failures["often"].text and "no such file" in failures["often"].text


def test_the_end_that_the_spec_asks_for_is_the_only_one_allowed(failures):
    assert (failures["not_so"].status, failures["not_so"].expected) == (0, ("5",))


def test_the_cause_is_the_line_that_speaks_of_it(failures):
    assert failures["nobody"].status == 7 and "Failed to connect" in failures["nobody"].text


def test_the_run_is_complete_and_ends_with_1(outcome):
    assert (outcome.status, outcome.exit_code) == ("complete", 1)


def test_the_certificate_the_terminal_and_the_report_name_them(outcome, failures):
    assert outcome.certificate["verdict"] == "SUSPECT"
    out = io.StringIO()
    print_summary(outcome, Console(file=out, width=300))
    page = (outcome.path / "report.html").read_text()
    top = page.partition('<section id="verdicts">')[0]
    for failure in failures.values():
        assert any(failure.text in reason for reason in outcome.certificate["reasons"])
        assert f"program failed: {failure.text}" in out.getvalue()
    assert "8 programs failed in this run." in top
    assert "about to read what is not there" in top
    assert json.loads((outcome.path / "failures.json").read_text())["failures"][0]["text"] in [
        failure.text for failure in failures.values()
    ]


def test_a_server_that_dies_ends_the_wait_for_its_port_at_once(tmp_path):
    outcome = run_experiment(CASES / "server_dies.yaml", RunOptions(on="guest", out=tmp_path))
    said = read_manifest(outcome.path).failure
    assert (
        said is not None and "echo ended with status 2: " in said and said.endswith("--protocol")
    ), said
    assert RunData(outcome.path).engine["engine_seconds"] < 10, (
        "it waited for a port that nobody would open"
    )
    assert "in vain" not in said
    assert "from outside" not in outcome.certificate["repeatable_why"]
    assert [failure.step for failure in outcome.failures] == ["echo"]
    assert outcome.exit_code == 4


def test_a_program_that_the_place_lacks_is_refused_at_the_specs_line(tmp_path):
    case = CASES / "missing_program.yaml"
    with pytest.raises(HostError) as caught:
        run_experiment(case, RunOptions(on="guest", out=tmp_path))
    (lack,) = caught.value.missing
    assert (lack.what, str(lack.where)) == ("program netwox", f"{case}:4:50")
    assert not list(tmp_path.iterdir())


def test_the_window_that_the_kernel_does_not_give_is_said_by_iperf3(tmp_path):
    # 4 MB is above net.core.wmem_max before Linux 6.18 only
    options = RunOptions(on="guest", out=tmp_path, overrides=("actions[0].window=40MB",))
    outcome = run_experiment(CASES / "window4m.yaml", options)
    assert outcome.exit_code == 1
    assert any(
        "socket buffer size not set correctly" in failure.text for failure in outcome.failures
    )
