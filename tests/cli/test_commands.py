"""Commands that need no run: help, lists, descriptions, the plan, the schema,
completion, doctor.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tcpexp import paths
from tcpexp.cli.errors import print_error
from tcpexp.cli.main import COMMANDS, cli, main
from tcpexp.errors import HostError, Missing
from tools.docs.commands import commands

ROOT = Path(__file__).resolve().parents[2]
ALL = dict(commands(cli, "tcpexp"))


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_that_fits_its_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split()[1:], "--help"]) == 0
    assert "Usage: " in capsys.readouterr().out
    command = ALL[name]
    assert command.help
    assert not command.get_short_help_str(limit=60).endswith("..."), (
        "the first sentence is too long"
    )
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(set(ALL) - {"tcpexp guest shell", "tcpexp clean"}))
def test_commands_with_arguments_show_examples(name: str) -> None:
    assert "Examples:" in (ALL[name].epilog or "")


def test_help_and_validate_import_nothing_heavy() -> None:
    script = (
        "import sys\nfrom tcpexp.cli.main import main\nassert main(['--help']) == 0\nassert"
        " main(['validate', 'bbr_vs_cubic']) == 0\nprint([name for name in ('polars', 'matplotlib',"
        " 'jinja2', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_of_commands_says_what_each_command_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert COMMANDS[name].about == command.get_short_help_str(limit=100)


@pytest.mark.parametrize("name", ["run", "sweep", "validate", "plan", "check", "report", "diff"])
def test_help_of_a_command_waits_for_no_library(name: str) -> None:
    script = (
        f"import sys\nfrom tcpexp.cli.main import main\nassert main(['{name}', '--help']) == 0\n"
        "print([name for name in ('polars', 'numpy', 'matplotlib', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("spec", paths.shipped_specs(), ids=lambda spec: spec.stem)
def test_shipped_experiments_are_valid_from_any_folder(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["validate", spec.stem, f"experiments/{spec.parent.name}/{spec.name}"]) == 0


def test_list_and_describe_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {
        "experiments",
        "studies",
        "topologies",
        "actions",
        "checks",
        "recorders",
        "plots",
        "congestion_controls",
    } == set(listed)
    assert "bbr_vs_cubic" in listed["experiments"]
    assert "mathis" in listed["studies"]
    assert "iperf3" in listed["actions"]
    for kind, entries in listed.items():
        for name, summary in entries.items():
            assert summary, f"{kind}: {name} says nothing about itself"
            assert main(["describe", f"{kind}:{name}", "--json"]) == 0
            (described,) = json.loads(capsys.readouterr().out)
            assert described["name"] == name
            assert described["text"]


def test_describe_tells_required_from_optional(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "action:iperf3", "--json"]) == 0
    (described,) = json.loads(capsys.readouterr().out)
    required = {row["name"] for row in described["parameters"] if row["required"]}
    assert required == {"from", "to"}


def test_plan_as_json_is_the_plan_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    from tcpexp.plan.types import RunPlan, from_json, to_json

    assert (
        main(["plan", "bbr_vs_cubic", "--json", "--seed", "9", "--set", "links.h1-h2.rate=20mbit"])
        == 0
    )
    text = capsys.readouterr().out
    plan = from_json(text, RunPlan)
    assert plan.seed == 9
    assert plan.network.links[0].forward.rate_bps == 20_000_000
    assert to_json(plan) == text


def test_schema_is_written_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "schema.json"
    assert main(["schema", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["title"] == "tcpexp experiment"
    assert main(["schema", "--out", str(tmp_path / "none" / "schema.json")]) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_TCPEXP_COMPLETE" in capsys.readouterr().out


def test_completion_offers_shipped_experiments() -> None:
    script = "from tcpexp.cli.main import main; main()"
    environment = {
        "_TCPEXP_COMPLETE": "bash_complete",
        "COMP_WORDS": "tcpexp run bbr_",
        "COMP_CWORD": "2",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert "plain,bbr_vs_cubic" in done.stdout


def test_doctor_gives_every_lack_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if any(report["places"].values()) else 3)
    assert list(report["places"]) == ["uml", "qemu", "host"]
    findings = [finding for section in report["sections"].values() for finding in section]
    assert all(finding["remedy"] for finding in findings if finding["state"] == "missing")
    assert {"Python packages", "tshark", "root"} <= {finding["what"] for finding in findings}


def test_a_lack_is_printed_with_what_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(
        HostError(
            "this machine cannot run it",
            missing=(Missing("qdisc netem", "the delay of h1-h2", "modprobe sch_netem"),),
        )
    )
    errors = capsys.readouterr().err
    assert "missing: qdisc netem (for the delay of h1-h2)" in errors
    assert "mend: modprobe sch_netem" in errors


def test_an_unexpected_failure_saves_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    @cli.command("fails-for-the-test", hidden=True)
    def fails() -> None:
        raise ZeroDivisionError("made to fail")

    try:
        assert main(["fails-for-the-test"]) == 4
    finally:
        del cli.commands["fails-for-the-test"]
    errors = capsys.readouterr().err
    assert "ZeroDivisionError: made to fail" in errors
    assert "Traceback" not in errors
    (saved,) = (tmp_path / "tcpexp" / "crashes").iterdir()
    assert str(saved) in errors
    assert "Traceback" in saved.read_text()


def test_a_command_is_imported_when_it_is_asked_for_and_suggested_when_it_is_misspelt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = (
        "import sys, tcpexp.cli.main\nprint([name for name in sys.modules if"
        " name.startswith('tcpexp.cli.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert (
        "tcpexp.cli.main" in loaded
        and "tcpexp.cli.tcp" not in loaded
        and "tcpexp.cli.run" not in loaded
    )
    assert main(["rnu"]) == 2
    assert "Did you mean 'run'?" in capsys.readouterr().err
