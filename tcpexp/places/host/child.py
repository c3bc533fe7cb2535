"""The process in which the host place runs the engine: process 1 of fresh namespaces, with nothing
of the machine's network.

Progress goes to standard output as JSON lines; the end of standard input (or a line on it) asks the
run to stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from pathlib import Path

from tcpexp.engine.main import run_plan
from tcpexp.places.host.space import prepare_namespaces
from tcpexp.plan.types import RunPlan, from_json


def asked_to_stop() -> bool:
    """Return whether the runner has asked for an end, or is gone."""
    return bool(select.select([0], [], [], 0)[0])


def show_progress(phase: str, t_seconds: float) -> None:
    """Tell the runner where the run is; a runner that is gone does not matter."""
    with contextlib.suppress(OSError):
        os.write(1, (json.dumps({"phase": phase, "t": t_seconds}) + "\n").encode())


def main(arguments: list[str]) -> int:
    """Run the plan in a file: PLAN RAW_DIR FILES_DIR TOKEN."""
    plan_file, raw_dir, files_dir, token = arguments
    prepare_namespaces()
    plan = from_json(Path(plan_file).read_text(), RunPlan)
    return run_plan(
        plan,
        Path(raw_dir),
        Path(files_dir),
        progress=show_progress,
        stop=asked_to_stop,
        token=token,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
