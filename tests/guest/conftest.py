"""Whole runs in the guest: a spec's text in, the recorded run out."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpexp.runner import RunOptions, run_experiment
from tcpexp.store.rundata import RunData

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Frame:
    """One frame of a capture: ``t_ns`` is the capture's own clock."""

    t_ns: int
    data: bytes


def read_pcap(path: Path) -> list[Frame]:
    """Read a nanosecond pcap without any of tcpexp's own code."""
    blob = path.read_bytes()
    assert struct.unpack_from("<I", blob)[0] == 0xA1B23C4D, "not a little-endian nanosecond pcap"
    frames, at = [], 24
    while at < len(blob):
        seconds, nanoseconds, kept, _ = struct.unpack_from("<IIII", blob, at)
        frames.append(Frame(seconds * 10**9 + nanoseconds, blob[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return frames


@pytest.fixture(scope="module")
def run_in_guest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunData]:
    """Return a function that runs a spec's text in the guest; scripts of this folder lie beside the spec."""

    def run(text: str, *overrides: str, seed: int | None = None, on: str = "guest") -> RunData:
        folder = tmp_path_factory.mktemp("guest")
        for script in HERE.glob("script_*.py"):
            (folder / script.name).write_text(script.read_text())
        spec = folder / "spec.yaml"
        spec.write_text(text)
        outcome = run_experiment(spec, RunOptions(on=on, seed=seed, overrides=overrides, out=folder / "results"))
        assert outcome.status == "complete", outcome.problems
        return RunData(outcome.path)

    return run
