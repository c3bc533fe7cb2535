"""Run one spec many times in the guest, with and without load beside it, and compare every capture's sha256.

    python benchmarks/repeatability.py [--runs 20] [--other-seed] [SPEC]

Prints a table: run, load, seconds, sha256 of each capture; then how many were identical. Default: 20 runs, the odd ones beside four
busy loops, and one with another seed that must differ.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import tempfile
import time
from pathlib import Path

from tcpexp.catalogue import load_catalogue
from tcpexp.paths import find_spec
from tcpexp.places.guest.place import GuestPlace
from tcpexp.plan.compile import compile_plan
from tcpexp.spec.load import load_spec


def burn() -> None:
    """Keep one processor busy until killed."""
    while True:
        pass


def run_once(spec: Path, seed: int | None, busy: int) -> tuple[float, dict[str, str]]:
    """Run ``spec`` in the guest beside ``busy`` busy loops; return wall seconds and the sha256 of each capture."""
    load = [multiprocessing.Process(target=burn, daemon=True) for _ in range(busy)]
    for process in load:
        process.start()
    try:
        plan = compile_plan(load_spec(spec, load_catalogue()), load_catalogue(), seed=seed)
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            result = GuestPlace().run(plan, Path(folder), lambda phase, t: None, lambda: False)
            if result.status != "complete":
                raise SystemExit(f"the run ended {result.status}: {result.error}")
            captures = sorted(Path(folder).glob("raw/*.pcap"))
            return time.monotonic() - started, {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in captures}
    finally:
        for process in load:
            process.kill()


def main() -> None:
    """Run and print the table; exit 1 when two runs of one seed differ or two seeds do not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", default=str(Path(__file__).parent / "lossy.yaml"))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--busy", type=int, default=4, help="busy loops beside every second run")
    options = parser.parse_args()
    spec = find_spec(options.spec)
    GuestPlace(say=print).prepare()
    seen: dict[str, int] = {}
    for number in range(1, options.runs + 1):
        busy = options.busy if number % 2 == 0 else 0
        seconds, hashes = run_once(spec, None, busy)
        key = " ".join(f"{name}:{digest[:16]}" for name, digest in hashes.items())
        seen[key] = seen.get(key, 0) + 1
        print(f"run {number:3d}  {busy} busy loops  {seconds:6.2f} s  {key}", flush=True)
    seconds, hashes = run_once(spec, 4242, 0)
    other = " ".join(f"{name}:{digest[:16]}" for name, digest in hashes.items())
    print(f"seed 4242             {seconds:6.2f} s  {other}")
    print(f"identical: {max(seen.values())} of {options.runs}; another seed differs: {other not in seen}")
    raise SystemExit(0 if len(seen) == 1 and other not in seen else 1)


if __name__ == "__main__":
    main()
