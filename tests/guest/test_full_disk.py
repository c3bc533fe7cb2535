"""A disk that fills up in the middle of a run: the run's folder says so, and a report can be made
of what is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tcpexp.cli.main import main
from tcpexp.runs.runner import LEAST_FREE_BYTES
from tcpexp.store.manifest import read_manifest, verify

pytestmark = [pytest.mark.guest, pytest.mark.root]
SPEC = """\
name: bulk
topology: two_host
duration: 6s
links: {h1-h2: {rate: 50mbit, delay: 5ms}}
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: a}
expect:
  - goodput: {flow: a, at_least: 1mbit}
"""
LEFT_BYTES = 3_000_000


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = LEAST_FREE_BYTES + (30 << 20)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Take all but ``LEFT_BYTES`` as soon as packets are captured."""
    until = time.monotonic() + 60
    while not any(path.stat().st_size for path in disk.glob("results/*/*/raw/h1-eth0.pcap")):
        if time.monotonic() > until:
            return
        time.sleep(0.02)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - LEFT_BYTES)


def test_the_folder_says_what_is_missing_and_report_works_on_the_rest(small_disk, tmp_path, capsys):
    spec = tmp_path / "bulk.yaml"
    spec.write_text(SPEC)
    filler = threading.Thread(target=fill, args=(small_disk,))
    filler.start()
    code = main(["run", str(spec), "--on", "guest", "--out", str(small_disk / "results"), "-q"])
    filler.join()
    said = capsys.readouterr().err
    assert code == 4
    assert "is full: what was recorded is cut off" in said and "tcpexp report" in said
    (run,) = (small_disk / "results" / "bulk").iterdir()
    manifest = read_manifest(run)
    assert manifest.status == "failed" and manifest.failure
    engine = json.loads((run / "raw" / "engine.json").read_text())
    assert engine["status"] == "failed" and "space" in engine["error"]
    assert json.loads((run / "certificate.json").read_text())["verdict"] == "SUSPECT"
    assert not list(run.rglob("*reserve*"))

    (small_disk / "filler").unlink()
    verify(run, recorded_only=True)
    assert main(["report", "--quiet", str(run)]) == 0
    certificate = json.loads((run / "certificate.json").read_text())
    assert any("is cut off" in reason for reason in certificate["reasons"]), certificate["reasons"]
    assert "This run was not completed" in (run / "report.html").read_text()
    capsys.readouterr()
    assert main(["check", str(run)]) == 4
    assert "INCONCLUSIVE" in capsys.readouterr().out
