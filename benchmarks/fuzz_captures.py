"""Can a damaged capture bring ``tcpexp explain`` down?

    python benchmarks/fuzz_captures.py CAPTURE... [--inputs 100000] [--seed 1] [--keep FOLDER]
        [--alone] [--findings 5]

Takes valid captures, damages them (bits flipped, lengths set to extremes, parts cut out, doubled,
swapped, mixed), and reads each: nothing but ``DataError`` may come out, each within ten seconds of
processor time.
Of every fifth the findings, the summary and the limits are made as well, by the same demand.
Prints how many were read, refused and failed, the slowest, and the largest memory of the process.
What failed is kept in a folder, named by its number. With ``--alone`` tshark is not asked for
labels, which makes it several times as fast.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from capturing.mutating import damaged

from tcpexp.diagnosis.describe import join_portions
from tcpexp.errors import DataError
from tcpexp.explain.diagnose import diagnose
from tcpexp.explain.plan import plan_of
from tcpexp.explain.tables import name_packets, resent_of
from tcpexp.ingest.connections import table_of
from tcpexp.ingest.foreign import Foreign, read_foreign
from tcpexp.plan.types import to_json
from tcpexp.store.rundata import RunData

#: Of processor time, and of wall time: others may use the processor too.
_LIMIT_S, _LIMIT_WALL_S = 10, 900
_LARGEST_SEED = 200_000
#: Connections are looked at in portions of so few packets that there are several.
_PORTION = 50


@dataclass
class Tally:
    """What came of the inputs."""

    read: int = 0
    refused: int = 0
    packets: int = 0
    explained: int = 0
    findings: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


def load_seeds(paths: list[Path]) -> list[bytes]:
    """Return the captures, unpacked; large ones are shortened, for what is rare in them is lost in
    the mass.
    """
    found = []
    for path in paths:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        found.append(data[:_LARGEST_SEED])
    return found


def _alarm(*_: object) -> None:
    raise TimeoutError(f"not done within {_LIMIT_S} s")


def _read(path: Path) -> Foreign | None:
    try:
        return read_foreign([path])
    except DataError:
        return None


def explain_one(foreign: Foreign, tally: Tally) -> None:
    """Make everything that is said of a capture, but for the page."""
    named = name_packets(foreign.packets)
    connections = table_of(named.connections)
    plan = plan_of("fuzz", "", named.stands, named.flows, named.end_ns)
    with tempfile.TemporaryDirectory() as folder:
        run = RunData(Path(folder))
        (run.path / "plan.json").write_text(to_json(plan))

        def resent(packets: pl.DataFrame, copies: pl.DataFrame) -> pl.DataFrame:
            return resent_of(run, packets, copies, named.nodes)

        found = diagnose(named.packets, connections, resent, portion=_PORTION)
    tally.findings += len(join_portions(found.portions, foreign.notes).findings)
    tally.explained += 1


def try_one(path: Path, data: bytes, tally: Tally, name: str, *, whole: bool = False) -> bool:
    """Read one damaged capture, and explain it if ``whole``; return whether it did what it must."""
    path.write_bytes(data)
    started = time.process_time()
    signal.alarm(_LIMIT_WALL_S)
    signal.setitimer(signal.ITIMER_PROF, _LIMIT_S)
    try:
        foreign = _read(path)
        if foreign is None:
            tally.refused += 1
        else:
            tally.packets += foreign.packets.height
            tally.read += 1
        if foreign is not None and whole:
            explain_one(foreign, tally)
    except KeyboardInterrupt:
        raise
    except BaseException:  # polars' panics are no Exception
        tally.failures.append(f"{name}: {traceback.format_exc(limit=-3)}")
        return False
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        took = time.process_time() - started
        tally.slowest_s = max(tally.slowest_s, took)
    if took > _LIMIT_S:
        tally.failures.append(f"{name}: took {took:.0f} s")
        return False
    return True


def main() -> int:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(description="Damaged captures against the reader")
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep what failed here")
    parser.add_argument("--alone", action="store_true", help="do not ask tshark")
    parser.add_argument(
        "--findings", type=int, default=5, metavar="N", help="explain every Nth [default: 5]"
    )
    options = parser.parse_args()
    if options.alone:
        os.environ["PATH"] = ""
    seeds = load_seeds(options.captures)
    rng, tally = random.Random(options.seed), Tally()
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.pcap"
        for number in range(options.inputs):
            data = damaged(rng, seeds)
            whole = number % options.findings == 0
            if not try_one(path, data, tally, str(number), whole=whole) and options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{number}.pcap").write_bytes(data)
            if (number + 1) % 5000 == 0:
                print(f"{number + 1:,}: {len(tally.failures)} failed", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.inputs:,} inputs of {len(seeds)} captures, seed {options.seed}")
    print(f"read {tally.read:,} ({tally.packets:,} packets), refused {tally.refused:,}")
    print(f"explained {tally.explained:,} ({tally.findings:,} findings)")
    print(f"failed {len(tally.failures)}; slowest {tally.slowest_s:.1f} s; {memory:.0f} MiB")
    for failure in tally.failures[:20]:
        print(failure)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
