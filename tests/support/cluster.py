"""A Dask cluster of processes of its own on this machine, as ``dask scheduler`` and ``dask worker``
start them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def cluster(folder: Path, workers: int, **environment: str) -> Iterator[str]:
    """Start a scheduler and a command that starts ``workers`` workers with this environment.

    Yield the scheduler's address.
    """
    path = os.pathsep.join(folder for folder in sys.path if folder)
    variables = {**os.environ, "PYTHONPATH": path, **environment}
    facts = folder / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []
    log = (folder / "dask.log").open("wb")

    def start(*arguments: str) -> None:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=variables,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        )

    try:
        start(
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(facts),
        )
        address = wait_for(facts)
        more = (
            "--nthreads",
            "1",
            "--nworkers",
            str(workers),
            "--host",
            "127.0.0.1",
            "--no-dashboard",
            "--local-directory",
            str(folder),
        )
        start("distributed.cli.dask_worker", address, *more)
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log.close()


def wait_for(facts: Path) -> str:
    """Return the scheduler's address once it has written it."""
    for _ in range(600):
        try:
            return str(json.loads(facts.read_text())["address"])
        except (OSError, ValueError, KeyError):
            time.sleep(0.1)
    raise TimeoutError("the scheduler did not start")
