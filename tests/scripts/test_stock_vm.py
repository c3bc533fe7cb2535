"""scripts/stock-vm: what it puts into the machine, how it reads and sums up what comes back, and
its terminal. The machine itself boots nightly.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from stockvm import build, inside, machine, main, state
from stockvm.terminal import Terminal

from tcpexp import paths
from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.plan.compile import compile_plan
from tests.support.folders import ROOT


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main.parse(["--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out
    for word in ("--suite", "--short", "--mirror", "--emulate", "Ctrl-C"):
        assert word in told


def test_the_short_form_records_experiments_with_faults() -> None:
    """Faults on chosen segments need a program in the kernel (BPF), which is what once failed on
    every stock system.
    """
    catalogue = load_catalogue()
    plans = {
        path.stem: compile_plan(load_spec(path, catalogue), catalogue)
        for path in paths.shipped_specs()
    }
    assert set(main.SHORT) <= {
        name for name, plan in plans.items() if "segment_faults" in plan.needs.features
    }


def test_its_own_spec_is_valid() -> None:
    catalogue = load_catalogue()
    plan = compile_plan(load_spec(ROOT / "scripts/stockvm/steady.yaml", catalogue), catalogue)
    assert plan.duration_ns / 1e9 > max(at for at, _ in inside.CLOCK_STEPS) + 2


def test_the_machine_gets_this_checkout_without_what_belongs_to_the_machine_that_copies(
    tmp_path: Path,
) -> None:
    main.fill(tmp_path, {"record": ["one_loss"]})
    with tarfile.open(tmp_path / "checkout.tar") as archive:
        names = {Path(name) for name in archive.getnames()}
    assert {
        Path("Vagrantfile"),
        Path("scripts/stockvm/inside.py"),
        Path("experiments/congestion/bbr_vs_cubic.yaml"),
    } <= names
    assert not [
        name for name in names if {".git", ".venv", "results", "__pycache__"} & set(name.parts)
    ]
    assert json.loads((tmp_path / "wanted.json").read_text()) == {"record": ["one_loss"]}


def test_the_key_changes_with_what_provisioning_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (
        build.system_key("bookworm") == build.system_key("bookworm") != build.system_key("trixie")
    )
    before = build.system_key("bookworm")
    for name in ("setup.py", "pyproject.toml", "scripts/provision.sh", "scripts/stockvm/build.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert build.system_key("bookworm") == before
    (tmp_path / "scripts/provision.sh").write_text("other packages")
    assert build.system_key("bookworm") != before


def test_an_emulated_machine_has_a_clock_that_does_not_starve() -> None:
    system = build.System(Path("disk"), Path("kernel"), Path("initrd"))
    emulated = machine.machine_argv(system, Path("share"), Path("console"), kvm=False)
    assert "shift=0,sleep=off" in emulated
    assert emulated[emulated.index("-smp") + 1] == "1"
    with_kvm = machine.machine_argv(system, Path("share"), Path("console"), kvm=True)
    assert "-icount" not in with_kvm
    for argv in (emulated, with_kvm):
        # each boot begins with the same disk
        assert any(word.endswith("snapshot=on") for word in argv)
        assert any("restrict=on" in word for word in argv)  # and nothing leads out


def test_lines_under_way_are_read_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"name": "one"}\n{"name": "tw')
    assert main.read_rows(tmp_path) == [{"name": "one"}]


def row(**changes: Any) -> dict[str, Any]:
    return {"name": "log in", "ok": True, "words": "user", "seconds": 1.0, "judged": None} | changes


def judged(folder: Path, *rows: dict[str, Any], off: bool = True) -> list[main.Row]:
    (folder / "results.jsonl").write_text("".join(json.dumps(made) + "\n" for made in rows))
    return main.judge_all(folder, machine.Ended(off, 60.0, "Kernel panic"))


def test_a_machine_that_does_not_reach_its_end_fails(tmp_path: Path) -> None:
    assert [answer.ok for answer in judged(tmp_path, row())] == [True]
    late = judged(tmp_path, row(), off=False)
    assert [answer.ok for answer in late] == [True, False]
    assert "Kernel panic" in late[-1].words


def test_a_recorded_run_that_cannot_be_read_fails(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "steady" / "20260102T030405Z-s1-host"
    run.mkdir(parents=True)
    (run / "plan.json").write_text("{")
    (found,) = judged(tmp_path, row(judged="steady"))
    assert not found.ok


def test_the_table_ends_with_a_sum(capsys: pytest.CaptureFixture[str]) -> None:
    main.print_table(
        "bookworm", [main.Row("a", True, "well", 1.0), main.Row("b", False, "not well", 2.0)], 90.0
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["PASS", "FAIL"]
    assert lines[-1] == "1 passed, 1 failed"


def await_file(path: Path) -> None:
    """Wait until a file is there, 20 s at most."""
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_terminal_runs_what_is_typed_and_hangs_up(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "log")
    assert terminal.run("echo $((40 + 2)) | grep -q 42", 30) == 0
    assert terminal.run("sh -c 'exit 7'", 30) == 7
    terminal.type(f"touch {tmp_path}/sleeping; sleep 1000; echo STATUS''=$?")
    await_file(tmp_path / "sleeping")
    time.sleep(0.5)
    terminal.press(b"\x03")
    assert terminal.run("true", 30) == 0
    terminal.type(
        f'cd {tmp_path}; sh -c \'trap "echo hung up > new; mv new word; exit" HUP; touch ready;'
        " while :; do sleep 0.1; done'"
    )
    await_file(tmp_path / "ready")
    terminal.close()
    await_file(tmp_path / "word")
    assert (tmp_path / "word").read_text() == "hung up\n"


def test_changes_of_the_machines_state_are_named() -> None:
    with pytest.raises(inside.Failed, match="-rules\tmine; \\+rules\ttheirs"):
        inside.compare(["links\tlo", "rules\tmine"], ["links\tlo", "rules\ttheirs"])
    assert inside.compare(["links\tlo"], ["links\tlo"]) == "1 lines of state"


def test_the_state_covers_what_a_run_could_touch() -> None:
    assert {"namespaces", "links", "qdiscs", "rules", "settings", "mounts", "leftovers"} <= set(
        state.SECTIONS
    )
    for script in state.SECTIONS.values():
        assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


def test_the_nightly_workflow_owns_the_long_ones() -> None:
    text = (ROOT / ".github/workflows/nightly.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["stock-vm"]["strategy"]["matrix"]["suite"] == ["bookworm", "trixie"]
    assert "scripts/test --full" in text
    assert "scripts/stock-vm --suite" in text
