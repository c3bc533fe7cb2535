"""What a user gets for a spec or a command line that is wrong: exit code 2, file:line:column, a
cause and a hint.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tcpexp.cli.main import main

GOOD = """\
name: good
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms}
duration: 2s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: only, until: 2s}
"""
BOMB = """\
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]
h: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g]
"""
WRONG = {
    "misspelt key": (GOOD.replace("links:", "linsk:"), 3, "links"),
    "misspelt parameter": (GOOD.replace("rate: 10mbit", "rtae: 10mbit"), 4, "rate"),
    "wrong unit": (GOOD.replace("delay: 20ms", "delay: 20mbit"), 4, "ms"),
    "no unit": (GOOD.replace("delay: 20ms", "delay: 20"), 4, "ms"),
    "negative time": (GOOD.replace("at: 0s", "at: -1s"), 7, "0s"),
    "unknown host": (GOOD.replace("to: h2", "to: h3"), 7, "h2"),
    "unknown action": (GOOD.replace("do: iperf3", "do: iperf"), 7, "iperf3"),
    "unknown topology": (GOOD.replace("two_host", "two_hots"), 2, "two_host"),
    "duplicate key": (GOOD + "duration: 3s\n", 8, ""),
    "YAML bomb": (BOMB, None, ""),
    "not YAML": ("name: [\n", None, ""),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_spec_names_its_place_and_what_would_be_right(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, line, hint = WRONG[case]
    spec = tmp_path / "wrong.yaml"
    spec.write_text(text)
    assert main(["validate", str(spec)]) == 2
    errors = capsys.readouterr().err
    place = re.search(rf"^{re.escape(str(spec))}:(\d+):(\d+): error: .+$", errors, re.MULTILINE)
    assert place, errors
    assert line is None or int(place[1]) == line, errors
    assert "hint: " in errors
    assert hint in errors.partition("hint: ")[2]
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_every_command_that_reads_a_spec_refuses_it_alike(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "wrong.yaml"
    spec.write_text(WRONG["unknown host"][0])
    out = ["--out", str(tmp_path / "results")] if command == "run" else []
    assert main([command, str(spec), *out]) == 2
    assert f"{spec}:7:" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_good_spec_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "good.yaml"
    spec.write_text(GOOD)
    assert main(["validate", str(spec)]) == 0
    assert "valid" in capsys.readouterr().out


def test_several_errors_come_each_on_a_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "wrong.yaml"
    spec.write_text(GOOD.replace("delay: 20ms", "delay: 20").replace("at: 0s", "at: -1s"))
    assert main(["validate", str(spec)]) == 2
    assert len(re.findall(r"^\S+:\d+:\d+: error: ", capsys.readouterr().err, re.MULTILINE)) == 2


def test_a_directory_without_specs_and_a_large_file_are_no_specs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("x: 1 # filler\n" * 750_000)
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, large):
        assert main(["validate", str(path)]) == 2
        errors = capsys.readouterr().err
        assert f"{path}:1:1: error: " in errors
        assert "hint: " in errors


def test_a_file_that_does_not_exist_suggests_a_shipped_experiment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["validate", "bbr_vs_cubik"]) == 2
    errors = capsys.readouterr().err
    assert "bbr_vs_cubik:1:1: error: " in errors
    assert "did you mean 'bbr_vs_cubic'?" in errors


def test_json_errors_carry_file_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "wrong.yaml"
    spec.write_text(WRONG["unknown host"][0])
    assert main(["validate", str(spec), "--json"]) == 2
    (row,) = json.loads(capsys.readouterr().out)
    assert row["valid"] is False
    assert (row["errors"][0]["file"], row["errors"][0]["line"]) == (str(spec), 7)
    assert row["errors"][0]["column"] > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["validate", "bbr_vs_cubic", "--set", "links.h1-h2.rtae=1mbit"],
            "--set links.h1-h2.rtae=1mbit",
        ),
        (["validate", "bbr_vs_cubic", "--set", "seed"], "path=value"),
        (["run", "bbr_vs_cubic", "--seed", "-1"], "--seed"),
        (["run", "bbr_vs_cubic", "--on", "moon"], "--on"),
        (["run"], "SPEC"),
        (["rnu"], "rnu"),
        (["check", "no_such_run"], "no_such_run"),
        (["describe", "iperf4"], "iperf3"),
        (["run", "bbr_vs_cubic", "--on", "host", "--clock", "virtual"], "real clock"),
    ],
)
def test_a_wrong_command_line_exits_2_without_a_traceback(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors


def test_the_installed_program_exits_like_main(tmp_path: Path) -> None:
    spec = tmp_path / "wrong.yaml"
    spec.write_text(WRONG["duplicate key"][0])
    done = subprocess.run(
        [sys.executable, "-m", "tcpexp.cli.main", "validate", str(spec)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"{spec}:8:1: error: " in done.stderr
