"""A run as the runner makes it: places that break, full disks, no place at all, and signals."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from tcpexp.errors import Missing, RunError
from tcpexp.places.base import PlaceResult, Stop
from tcpexp.plan.types import RunPlan
from tcpexp.runs.execute import execute
from tcpexp.runs.options import RunOptions
from tcpexp.runs.preload import ImportsBeside
from tcpexp.runs.runner import compile_spec, create_run
from tcpexp.runs.signals import StopSignals
from tcpexp.runs.watcher import SilentRunWatcher
from tcpexp.store.manifest import read_manifest
from tcpexp.telling import TellPhase
from tests.support.plain_spec import spec_in


def test_without_a_place_both_ways_are_named() -> None:
    script = (
        "import os\n"
        "from tcpexp.errors import HostError\n"
        "from tcpexp.runs.options import RunOptions\n"
        "from tcpexp.runs.watcher import SilentRunWatcher\n"
        "from tcpexp.runs.where import open_place\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: open_place(RunOptions(), SilentRunWatcher())\n"
        "except HostError as error: print(error.exit_code, [lack.remedy for lack in error.missing])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("3 "), done.stderr
    assert "apt install qemu-system-x86" in done.stdout
    assert "sudo tcpexp run" in done.stdout


class Breaking:
    """A place that records a little and then fails, or is aborted, as ``error`` says."""

    name = "uml"

    def __init__(self, error: BaseException, clock: Literal["virtual", "real"] = "virtual") -> None:
        self.error = error
        self.clock = clock

    def part(self, name: str) -> str | None:
        """Be made of nothing that has a hash."""
        return None

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Lack nothing."""
        return ()

    def run(self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Stop) -> PlaceResult:
        """Leave one file and fail."""
        (run_dir / "raw" / "console.txt").write_text("panic")
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [(RunError("the guest died"), "failed"), (KeyboardInterrupt(), "interrupted")],
    ids=["failure", "second interrupt"],
)
def test_a_place_that_breaks_leaves_a_manifest_and_its_data(
    error: BaseException, status: str, tmp_path: Path
) -> None:
    spec = spec_in(tmp_path)
    options = RunOptions()
    plan = compile_spec(spec, options, 0)
    run_dir = create_run(tmp_path / "results", spec, plan, "uml")
    with pytest.raises(type(error)):
        execute(Breaking(error), plan, run_dir, options, SilentRunWatcher())
    manifest = read_manifest(run_dir.path)
    assert manifest.status == status
    assert manifest.failure
    assert "raw/console.txt" in manifest.files


class Filling(Breaking):
    """A place whose engine could write, or could not, how a run ended on a full disk."""

    def __init__(self, record: str | None, result: PlaceResult | None) -> None:
        super().__init__(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self.record = record
        self.result = result

    def run(self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Stop) -> PlaceResult:
        """Leave a part of the engine's record and its reserve."""
        (run_dir / "raw" / ".engine.reserve").write_bytes(bytes(1000))
        if self.record is not None:
            (run_dir / "raw" / "engine.json").write_text(self.record)
        if self.result is None:
            raise self.error
        return self.result


FULL = "OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("record", "result"),
    [
        (None, None),
        ("", None),
        ('{"status": "fai', None),
        (
            json.dumps({"status": "failed", "error": FULL}),
            PlaceResult("failed", "run", FULL, 1.0, 1.0, "virtual"),
        ),
    ],
    ids=["no record", "empty record", "cut record", "said by the engine"],
)
def test_a_full_disk_leaves_manifest_record_and_certificate_that_say_so(
    record: str | None, result: PlaceResult | None, tmp_path: Path
) -> None:
    spec = spec_in(tmp_path)
    options = RunOptions()
    run_dir = create_run(tmp_path / "results", spec, compile_spec(spec, options, 0), "uml")
    with pytest.raises(RunError, match="is full: what was recorded is cut off") as caught:
        execute(
            Filling(record, result),
            compile_spec(spec, options, 0),
            run_dir,
            options,
            SilentRunWatcher(),
        )
    assert "tcpexp report" in str(caught.value.hint)
    manifest = read_manifest(run_dir.path)
    assert manifest.status == "failed" and "No space left" in str(manifest.failure)
    engine = json.loads((run_dir.raw / "engine.json").read_text())
    assert engine["status"] == "failed" and "No space left" in engine["error"]
    certificate = json.loads((run_dir.path / "certificate.json").read_text())
    assert certificate["verdict"] == "SUSPECT" and any(
        "No space left" in reason for reason in certificate["reasons"]
    )
    assert "certificate.json" in manifest.files and not list(run_dir.path.rglob("*reserve*"))


def test_a_run_whose_engine_did_not_notice_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tcpexp.runs.execute.NO_ROOM_BYTES", 1 << 62)
    spec = spec_in(tmp_path)
    options = RunOptions()
    run_dir = create_run(tmp_path / "results", spec, compile_spec(spec, options, 0), "uml")
    complete = PlaceResult("complete", None, None, 1.0, 1.0, "virtual")
    with pytest.raises(RunError, match="is full"):
        execute(
            Filling('{"status": "complete", "end_ns": 5}', complete),
            compile_spec(spec, options, 0),
            run_dir,
            options,
            SilentRunWatcher(),
        )
    assert read_manifest(run_dir.path).status == "failed"
    assert json.loads((run_dir.raw / "engine.json").read_text())["status"] == "failed"


class Talking(Breaking):
    """A place that says one word before it fails."""

    def run(self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Stop) -> PlaceResult:
        """Say that the network is built, and fail."""
        progress("network", 0.0)
        raise self.error


@pytest.mark.parametrize(("clock", "begun"), [("virtual", True), ("real", False)])
def test_nothing_is_prepared_beside_an_experiment_in_real_time(
    clock: Literal["virtual", "real"], begun: bool, tmp_path: Path
) -> None:
    spec = spec_in(tmp_path)
    options = RunOptions()
    plan = compile_spec(spec, options, 0)
    run_dir = create_run(tmp_path / "results", spec, plan, "uml")
    with ImportsBeside() as imports:
        with pytest.raises(RunError):
            execute(
                Talking(RunError("the guest died"), clock),
                plan,
                run_dir,
                options,
                SilentRunWatcher(),
                imports,
            )
        assert imports.begun is begun


def test_the_second_signal_aborts() -> None:
    signals = StopSignals()
    with signals.listening():
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
