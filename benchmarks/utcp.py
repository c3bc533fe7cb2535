"""How fast is the TCP in user space? Segments per second one way in the simulator, both ends and
the link on one core.

    python benchmarks/utcp.py [--segments N] [--rounds N] [--json FILE] [--profile] [--against
    FOLDER]

Each line is one bulk transfer: data segments delivered, per second of processor time (what the code
costs) and of wall time (what a busy machine makes of it), the best of the rounds. Acknowledgments
come on top: one for two segments. --profile prints where the time of the first case goes. --against
compares with the package in another checkout of this repository, round by round in turns, so that a
noisy machine treats both alike: segments/s of processor time there and here.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tcpexp.tcp import Config
from tcpexp.tcp.simulator.apps import pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer

MSS = 1460
TARGET = 20_000
LINK = LinkConfig(rate_bps=100_000_000, delay_ns=10_000_000)
LOSSY = LinkConfig(rate_bps=100_000_000, delay_ns=10_000_000, loss=0.001, seed=1)
PLAIN = {"congestion_control": "reno", "sack": False, "timestamps": False}

#: name, settings, link, keep all events, real bytes
CASES: tuple[tuple[str, dict[str, object], LinkConfig, bool, bool], ...] = (
    ("Reno", {**PLAIN, "trace": False}, LINK, False, False),
    ("Reno, all events", PLAIN, LINK, False, False),
    ("Reno, all events kept", PLAIN, LINK, True, False),
    (
        "CUBIC, SACK, timestamps",
        {"congestion_control": "cubic", "trace": False},
        LINK,
        False,
        False,
    ),
    (
        "CUBIC, SACK, timestamps, 0.1 % loss",
        {"congestion_control": "cubic", "trace": False},
        LOSSY,
        False,
        False,
    ),
    ("Reno, real bytes with checksums", {**PLAIN, "trace": False}, LINK, False, True),
)


def measure(
    case: tuple[str, dict[str, object], LinkConfig, bool, bool], data: bytes
) -> tuple[float, float]:
    """Return data segments per second of processor time and of wall time for one transfer."""
    _, settings, link, keep_log, wire = case
    wall, processor = time.perf_counter(), time.process_time()
    simulation, sink = transfer(
        len(data), Config(**settings), link, data=data, keep_log=keep_log, wire=wire
    )  # type: ignore[arg-type]
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    if bytes(sink.received) != data:
        raise SystemExit(f"{case[0]}: the stream arrived changed")
    segments = -(-len(data) // simulation.hosts[0].connection.tcb.eff_snd_mss)
    return segments / processor, segments / wall


def measure_in(folder: Path, arguments: argparse.Namespace) -> dict[str, int]:
    """Return segments per second of processor time by case, of one round with the package in
    ``folder``.
    """
    with tempfile.TemporaryDirectory() as place:
        words = [
            __file__,
            "--segments",
            str(arguments.segments),
            "--rounds",
            "1",
            "--json",
            f"{place}/found",
        ]
        subprocess.run(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return {
            row["case"]: row["segments_per_cpu_s"]
            for row in json.loads(Path(f"{place}/found").read_text())
        }


def compare(there: Path, arguments: argparse.Namespace) -> None:
    """Print the best of the rounds for the package there and here."""
    here, best = Path(__file__).resolve().parents[1], {case[0]: [0, 0] for case in CASES}
    for _ in range(arguments.rounds):
        for side, folder in enumerate((there, here)):
            for name, rate in measure_in(folder, arguments).items():
                best[name][side] = max(best[name][side], rate)
    for name, (before, after) in best.items():
        print(f"{name:<38} {before:>9,} there {after:>9,} here  {after / before - 1:+.0%}")


def main() -> None:
    """Measure all cases in rounds, so that a noisy machine treats them alike, and print the best of
    each.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--against", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.against:
        compare(arguments.against.resolve(), arguments)
        return
    data = pattern(arguments.segments * MSS)
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(measure, CASES[0], data)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    best = {case[0]: (0.0, 0.0) for case in CASES}
    for _ in range(arguments.rounds):
        for case in CASES:
            processor, wall = measure(case, data)
            best[case[0]] = max(best[case[0]][0], processor), max(best[case[0]][1], wall)
    print(
        f"{arguments.segments} segments of {MSS} bytes, best of {arguments.rounds}; Python"
        f" {platform.python_version()}, {platform.machine()}"
    )
    for name, (processor, wall) in best.items():
        print(
            f"{name:<38} {processor:>9,.0f} segments/s of processor time {wall:>9,.0f} of wall time"
        )
    reached = best[CASES[0][0]][0]
    print(
        f"{reached:,.0f} segments/s one way: {'at least' if reached >= TARGET else 'below'} the"
        f" {TARGET:,} aimed at"
    )
    if arguments.json:
        rows = [
            {
                "case": name,
                "segments_per_cpu_s": round(processor),
                "segments_per_wall_s": round(wall),
            }
            for name, (processor, wall) in best.items()
        ]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
