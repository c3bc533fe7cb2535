"""A laboratory without a socket, and a browser that knows its rules."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from starlette.testclient import TestClient

from tcpexp import paths
from tcpexp.analysis.metrics import measure_run
from tcpexp.checks.base import Verdict
from tcpexp.checks.run import write_checks
from tcpexp.lab.app import Lab
from tcpexp.lab.config import LabConfig, Limits
from tcpexp.report.page.write import write_report
from tcpexp.store.manifest import Manifest, write_manifest
from tests.support.fake_run import shared_bottleneck
from tests.support.folders import ROOT

PORT = 8123
HERE = f"http://localhost:{PORT}"


#: A spec without an author's knobs, and what a laboratory of :func:`make_lab` calls it.
PLAIN = """\
name: plain
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms, queue: 1bdp}
seed: 3
duration: 60s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: one, congestion_control: cubic, until: 60s}
"""
PLAIN_NAME = "own/plain.yaml"


class LabClient:
    """A browser at a laboratory: a cookie, and an ``Origin`` where browsers send one."""

    def __init__(self, lab: Lab, client: TestClient) -> None:
        self.lab = lab
        self.client = client

    @property
    def results(self) -> Path:
        """Where this person's runs are."""
        (session,) = self.lab.sessions.all.values()
        return session.results

    def get(self, path: str, **more: Any) -> Any:
        """Ask for something."""
        return self.client.get(path, **more)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """Ask for something to be done, as the laboratory's own page does."""
        return self.client.post(path, json=body, headers={"origin": HERE, **headers})

    def examine(self, spec: str, **more: Any) -> Any:
        """Return what the laboratory says of a spec."""
        return self.post("/api/examine", {"spec": spec, **more})

    def keep_run(self, run: Path, experiment: str) -> str:
        """Copy a run into this person's results; return its name here."""
        kept = self.results / experiment / run.name
        shutil.copytree(run, kept)
        return f"{experiment}/{run.name}"


def make_lab(tmp_path: Path, *, whole_class: bool = False, **more: Any) -> LabClient:
    """Return a laboratory whose results are in ``tmp_path/results``, and somebody who is in.

    What is asked of it waits: it makes no run.
    """
    (tmp_path / "results").mkdir(exist_ok=True)
    if "folders" not in more:
        (tmp_path / "own").mkdir(exist_ok=True)
        (tmp_path / "own" / "plain.yaml").write_text(PLAIN)
        more["folders"] = (tmp_path / "own",)
    limits = Limits() if whole_class else None
    lab = Lab(LabConfig(tmp_path / "results", port=PORT, limits=limits, jobs=0, **more))
    client = TestClient(lab.app(), base_url=HERE)
    if whole_class:
        form = {"token": lab.config.token, "name": "Ada L."}
        client.post("/enter", data=form, headers={"origin": HERE})
    else:
        client.get(f"/?token={lab.config.token}")
    return LabClient(lab, client)


def finished_run(folder: Path) -> Path:
    """Return a fake run of two flows as a run leaves it: spec, verdicts, report, manifest."""
    run = shared_bottleneck(folder / "20260102T030405Z-s7-uml", 6, ({"throughput": {}},))
    shutil.copyfile(
        paths.experiments_dir() / "congestion" / "bbr_vs_cubic.yaml", run.path / "spec.yaml"
    )
    measure_run(run)
    verdict = Verdict(
        "goodput", "goodput of flow cubic", "PASS", "9 Mbit/s", "at least 8 Mbit/s", "It is."
    )
    write_checks(run.path, [verdict])
    write_report(run)
    manifest = Manifest("bbr_vs_cubic", run.path.name, "complete", "uml", "virtual", 7, 1.0, 6.0)
    write_manifest(run.path, manifest)
    return run.path


class Served:
    """``tcpexp lab`` as one starts it: a process, its link, its results."""

    def __init__(self, results: Path, *arguments: str) -> None:
        self.results = results
        results.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tcpexp.cli.main", "lab", "--no-browser", "--out", str(results),
             *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()
        if not self.link.startswith("http"):
            raise RuntimeError(self.process.communicate()[1])
        self.origin = self.link.partition("/?")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; return its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            self.process.kill()
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()
