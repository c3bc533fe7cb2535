"""Run one spec many times in the guest, several at a time, with and without load beside it, and compare every capture's sha256.

    python benchmarks/repeatability.py [--runs 20] [--jobs 2] [--busy 4] [--rebuild] [SPEC]

Prints a line per run: load, seconds, sha256 of each capture; then how many were identical. Every second pair of runs is beside busy loops. ``--rebuild``
makes the template anew, from the same image, when half of the runs are done. At the end one run with another seed must differ.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tcpexp.catalogue import load_catalogue
from tcpexp.paths import find_spec
from tcpexp.places.image.image import find_image
from tcpexp.places.qemu.place import GuestPlace
from tcpexp.places.qemu.template import build_template
from tcpexp.plan.compile import compile_plan
from tcpexp.spec.load import load_spec

OTHER_SEED = 4242


def burn() -> None:
    """Keep one processor busy until killed."""
    while True:
        pass


@contextmanager
def load(loops: int) -> Iterator[None]:
    """Have ``loops`` busy loops beside what is done meanwhile."""
    processes = [multiprocessing.Process(target=burn, daemon=True) for _ in range(loops)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def run_once(spec: Path, seed: int | None) -> tuple[float, str]:
    """Run ``spec`` in the guest; return wall seconds and the captures' names and hashes."""
    plan = compile_plan(load_spec(spec, load_catalogue()), load_catalogue(), seed=seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = GuestPlace().run(plan, Path(folder), lambda phase, t: None, lambda: False)
        if result.status != "complete":
            raise SystemExit(f"the run ended {result.status}: {result.error}")
        captures = sorted(Path(folder).glob("raw/*.pcap"))
        hashes = (f"{path.stem}:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}" for path in captures)
        return time.monotonic() - started, " ".join(hashes)


def rebuild() -> None:
    """Make the template anew from the image that is there."""
    image = find_image()
    assert image is not None, "prepare() has built it"
    build_template(image, print, force=True)


def main() -> None:
    """Run and print the table; exit 1 when two runs of one seed differ or two seeds do not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", default=str(Path(__file__).parent / "lossy.yaml"))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--busy", type=int, default=4, help="busy loops beside every second batch of runs")
    parser.add_argument("--rebuild", action="store_true", help="make the template anew half-way")
    options = parser.parse_args()
    spec = find_spec(options.spec)
    GuestPlace(say=print).prepare()
    seen: collections.Counter[str] = collections.Counter()
    seconds: dict[int, list[float]] = collections.defaultdict(list)
    done = 0
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        while done < options.runs:
            batch = min(options.jobs, options.runs - done)
            busy = options.busy if done // options.jobs % 2 else 0
            with load(busy):
                outcomes = list(pool.map(run_once, [spec] * batch, [None] * batch))
            for wall, key in outcomes:
                done += 1
                seen[key] += 1
                seconds[busy].append(wall)
                print(f"run {done:3d}  {batch} at a time  {busy} busy loops  {wall:6.2f} s  {key}", flush=True)
            if options.rebuild and done - batch < options.runs // 2 <= done:
                rebuild()
    wall, other = run_once(spec, OTHER_SEED)
    print(f"seed {OTHER_SEED}  {wall:6.2f} s  {other}")
    for busy, walls in sorted(seconds.items()):
        print(f"{busy} busy loops: {len(walls)} runs, median {statistics.median(walls):.2f} s of wall time each")
    print(f"identical: {max(seen.values())} of {options.runs}; another seed differs: {other not in seen}")
    raise SystemExit(0 if len(seen) == 1 and other not in seen else 1)


if __name__ == "__main__":
    main()
