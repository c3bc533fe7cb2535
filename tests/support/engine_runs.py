"""A plan run as the guest runs it, in namespaces of this machine, and what it left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tcpexp.plan.types import RunPlan, to_json


class Ran:
    """A run that has ended."""

    def __init__(self, folder: Path, status: int) -> None:
        self.folder = folder
        self.status = status
        self.raw = folder / "raw"
        self.engine: dict[str, Any] = json.loads((self.raw / "engine.json").read_text())
        self.events = [
            json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()
        ]
        self.commands = [
            json.loads(line) for line in (self.raw / "commands.jsonl").read_text().splitlines()
        ]

    def of(self, step: str, event: str = "start") -> dict[str, Any]:
        return next(line for line in self.events if line["step"] == step and line["event"] == event)


def run(plan: RunPlan, folder: Path) -> Ran:
    """Run a plan as the guest does: ``python -m tcpexp.engine.main``, in namespaces whose network
    is ours.
    """
    (folder / "plan.json").write_text(to_json(plan))
    isolation = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    engine = [sys.executable, "-m", "tcpexp.engine.main", str(folder / "plan.json"), str(folder)]
    done = subprocess.run([*isolation, *engine], capture_output=True, check=False, timeout=120)
    return Ran(folder, done.returncode)
