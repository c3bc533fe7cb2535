"""A second process that draws figures: started while a run lasts, so that its imports are done when there is something to draw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcpexp.plots.run import LeftOut, PlottedFigure

#: What the process says once its imports are done.
READY = {"ready": True}


class DrawingHelper:
    """The second process. Ctrl-C does not reach it; it ends with :meth:`close`, or when this process ends, however that ends."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tcpexp.plots.drawer"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._reading = threading.Lock()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_until_ready(self) -> bool:
        """Return true once the process can draw, false when it ended or was closed before it could."""
        return self._answer() == READY

    def draw(self, run_dir: Path, file_name: str) -> PlottedFigure | LeftOut | None:
        """Let the process draw one figure of a run; return what came of it, None when the process failed or ended."""
        from tcpexp.plots.run import LeftOut, PlottedFigure

        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"run": str(run_dir), "figure": file_name}).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return None
        answer = self._answer()
        if "figure" in answer:
            return PlottedFigure(**answer["figure"])
        return LeftOut(**answer["left_out"]) if "left_out" in answer else None

    def _answer(self) -> dict[str, Any]:
        """Return the next line that the process writes; empty when it ended."""
        assert self._process.stdout is not None
        with self._reading:
            line = b"" if self._process.stdout.closed else self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        return answer

    def close(self) -> None:
        """End the process, whatever it does; whoever waits for its answer gets none."""
        self._process.kill()
        self._process.wait()
        with self._reading:
            for stream in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # a question that was not sent
                    if stream is not None:
                        stream.close()
