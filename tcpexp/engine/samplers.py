"""Recorders that bring their own sampler: a file with a function ``open_sample``.

Ours are ``tcpexp/recorders/<kind>/guest.py``; those of plugins travel among the plan's files.
:mod:`tcpexp.record.sampling` says what such a function is given and returns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tcpexp.engine.sampler import Sample, open_to_append
from tcpexp.errors import RunError
from tcpexp.record.sampling import OPEN_SAMPLE, OpenSample, Sampled, Take, sampler_path

#: Where the samplers that ship lie.
OURS = Path(__file__).parent.parent / "recorders"


def load_sampler(kind: str, files_dir: Path) -> OpenSample:
    """Return the function that opens the sampler of a recorder.

    Raises ``RunError`` when there is none, or when its file fails.
    """
    for path in (OURS / kind / "guest.py", files_dir / sampler_path(kind)):
        if path.is_file():
            return _load(kind, path)
    raise RunError(f"no such recorder: {kind}")


def open_sampler(open_sample: OpenSample, kind: str, sampled: Sampled) -> Take:
    """Return the opened sampler; raises ``RunError`` when it fails."""
    try:
        return open_sample(sampled)
    except Exception as error:  # a plugin's code: anything can go wrong in it
        raise RunError(_failure(kind, error)) from error


def rows_sample(kind: str, node: str | None, interval_ns: int, take: Take, path: Path) -> Sample:
    """Return a sample that appends what ``take`` returns to ``path``, one JSON line per row."""
    file = open_to_append(path)
    at_node = {} if node is None else {"node": node}

    def write(t_ns: int) -> bool:
        try:
            rows = take()
        except Exception as error:
            raise RuntimeError(_failure(kind, error)) from error
        if rows is None:
            return False
        several = [rows] if isinstance(rows, Mapping) else rows
        lines = [json.dumps({"t_ns": t_ns, **at_node, **row}) + "\n" for row in several]
        os.write(file, "".join(lines).encode())
        return True

    return Sample(kind, interval_ns, write)


def _load(kind: str, path: Path) -> OpenSample:
    names: dict[str, Any] = {"__name__": f"tcpexp_sampler_{kind}", "__file__": str(path)}
    try:
        exec(compile(path.read_text(), str(path), "exec"), names)
        open_sample: OpenSample = names[OPEN_SAMPLE]
    except Exception as error:
        raise RunError(_failure(kind, error)) from error
    return open_sample


def _failure(kind: str, error: Exception) -> str:
    return f"the sampler of the recorder '{kind}' fails: {type(error).__name__}: {error}"
