"""What a guest leaves unfinished, finished outside.

The socket snapshots of one that died, which ``ss`` writes out at a run's end; and the lines that a
traceback names, which are those of the code that was shipped.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tcpexp.engine.sockets import SS_ARGV, SS_FILE_VARIABLE, split_snapshots, write_for_ss
from tcpexp.errors import DataError
from tcpexp.places.guestcode import with_source_lines


def write_out_sockets(raw: Path) -> list[str]:
    """Turn each ``ss/<node>.nl`` of ``raw`` into ``ss/<node>.txt``, unless the guest has done so,
    and drop it; return what could not be done, in words.

    A dump that was cut off gives the snapshots that are whole. This machine's ``ss`` reads them;
    where it cannot, the dump stays.
    """
    problems = []
    for dumps in sorted((raw / "ss").glob("*.nl")):
        target, readable = dumps.with_suffix(".txt"), dumps.with_suffix(".diag")
        if not target.exists():
            try:
                times = write_for_ss(dumps, readable)
                environment = {**os.environ, SS_FILE_VARIABLE: str(readable)}
                done = subprocess.run(
                    SS_ARGV, env=environment, capture_output=True, text=True, check=True
                )
                target.write_text(split_snapshots(done.stdout, times))
            except (OSError, subprocess.CalledProcessError, DataError) as error:
                problems.append(
                    f"the socket snapshots in {dumps} could not be written out: {error}"
                )
                continue
            finally:
                readable.unlink(missing_ok=True)
        dumps.unlink()
    return problems


def name_source_lines(raw: Path) -> None:
    """Let the engine's traceback, if there is one, name the lines of the source."""
    path = raw / "engine_traceback.txt"
    if path.is_file():
        path.write_text(with_source_lines(path.read_text(errors="replace")))
