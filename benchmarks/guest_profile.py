"""Where do the instructions of QEMU's guest go? Counts per phase of a run, and by function of its
kernel.

    python benchmarks/guest_profile.py [--top 40] [SPEC]

For ``--on qemu`` only: it counts what QEMU translates and executes. In User-Mode Linux nothing is
translated; ``perf record`` on the kernel process shows where its time goes
(docs/concepts/speed.md).

Runs SPEC (default: benchmarks/lossy.yaml) in the guest with a plugin in QEMU
(benchmarks/profiling/count.c) that counts blocks of code: how many were translated, how many
executed, how many instructions. A block is 4 to 5 instructions. Counts are the same on a busy
machine; wall time, which is roughly a price per distinct block and packet plus 10 to 20 us per
translation, is not. Needs a C compiler and capinfos (tshark's package). Prints a table per phase
and the functions of the phase `run`.
"""

from __future__ import annotations

import argparse
import bisect
import collections
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import find_spec
from tcpexp.places.qemu.machine import QEMU
from tcpexp.places.qemu.place import QemuPlace
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan

HERE = Path(__file__).parent
KERNEL = 0xFFFF800000000000
SYMBOLS_SPEC = """
name: symbols
title: The addresses of the kernel's functions
topology: two_host
links: {h1-h2: {rate: 10mbit, delay: 1ms}}
duration: 3s
actions:
  - {at: 0s, do: command, id: symbols, host: h1, shell: "cat /proc/kallsyms"}
"""
#: A block that is executed in at least this share of the packets belongs to the code that every
#: packet walks through.
HOT = 0.4


@dataclass(frozen=True)
class Counts:
    """Executions by (address, instructions), and how many blocks were translated so far."""

    executions: dict[tuple[int, int], int]
    translations: int

    @classmethod
    def read(cls, path: Path) -> Counts:
        """Read what the plugin wrote."""
        executions, translations = {}, 0
        for line in path.read_text().splitlines():
            address, instructions, translated, executed = line.split()
            executions[int(address, 16), int(instructions)] = int(executed)
            translations += int(translated)
        return cls(executions, translations)

    def since(self, before: Counts) -> Counts:
        """Return what came after ``before``."""
        gained = {
            key: count - before.executions.get(key, 0) for key, count in self.executions.items()
        }
        return Counts(
            {key: count for key, count in gained.items() if count > 0},
            self.translations - before.translations,
        )

    @property
    def instructions(self) -> int:
        """Instructions executed."""
        return sum(key[1] * count for key, count in self.executions.items())


NOTHING = Counts({}, 0)


def plan_of(spec: Path) -> RunPlan:
    """Return the plan of a spec."""
    catalogue = load_catalogue()
    return compile_plan(load_spec(spec, catalogue), catalogue)


def install(folder: Path) -> None:
    """Compile the plugin, and put a QEMU that loads it into runs first on the PATH."""
    qemu = shutil.which(QEMU)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if qemu is None or compiler is None:
        raise SystemExit("needs QEMU and a C compiler")
    plugin, wrapper = folder / "count.so", folder / QEMU
    subprocess.run(
        [
            compiler,
            "-O2",
            "-shared",
            "-fPIC",
            "-o",
            str(plugin),
            str(HERE / "profiling" / "count.c"),
        ],
        check=True,
    )
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *-incoming*) set -- "$@" -plugin {plugin},out={folder}/blocks ;;'
        f' esac\nexec {qemu} "$@"\n'
    )
    wrapper.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def kernel_symbols(folder: Path) -> list[tuple[int, str]]:
    """Return (address, name) of the guest kernel's functions in order.

    The same in every run of a template.
    """
    spec = folder / "symbols.yaml"
    spec.write_text(SYMBOLS_SPEC)
    QemuPlace().run(plan_of(spec), folder / "symbols", lambda phase, t: None, lambda: False)
    rows = (
        line.split()
        for line in (folder / "symbols" / "raw" / "logs" / "symbols.out").read_text().splitlines()
    )
    return sorted((int(row[0], 16), " ".join(row[2:])) for row in rows if row[1] in "tTwW")


def profile(plan: RunPlan, folder: Path) -> tuple[list[tuple[str, Counts]], int]:
    """Run ``plan``; return (phase, its counts) in order, and how many packets were captured at its
    first host.
    """
    phases: list[str] = []
    for old in folder.glob("blocks.*"):
        old.unlink()

    def progress(phase: str, seconds: float) -> None:
        if phase in phases or phase == "done":  # the end is written by the plugin itself
            return
        pids = subprocess.run(
            ["pgrep", "-f", f"^[^ ]*{QEMU} .*{folder}/blocks"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        for pid in pids:
            os.kill(int(pid), signal.SIGPROF)
        if pids:
            target = folder / f"blocks.{len(phases)}"
            while not target.exists():
                time.sleep(0.01)
            phases.append(phase)

    QemuPlace(say=print).run(plan, folder / "run", progress, lambda: False)
    reached = [Counts.read(folder / f"blocks.{number}") for number in range(len(phases))] + [
        Counts.read(folder / "blocks.end")
    ]
    found = [
        (name, after.since(before))
        for name, before, after in zip(
            ["plan", *phases], [NOTHING, *reached], reached, strict=False
        )
    ]
    captures = sorted((folder / "run" / "raw").glob("*.pcap"))
    frames = (
        subprocess.run(
            ["capinfos", "-Mrc", str(captures[0])], capture_output=True, text=True, check=False
        ).stdout.split()
        if captures
        else []
    )
    return found, int(frames[-1]) if frames and frames[-1].isdigit() else 0


def by_function(
    counts: Counts, symbols: list[tuple[int, str]], packets: int
) -> list[tuple[str, int, int]]:
    """Return (function, instructions, hot blocks), the most instructions first.

    User programs are one entry.
    """
    addresses = [address for address, _ in symbols]
    instructions: collections.Counter[str] = collections.Counter()
    hot: collections.Counter[str] = collections.Counter()
    for (address, size), executed in counts.executions.items():
        name = (
            symbols[bisect.bisect_right(addresses, address) - 1][1]
            if address >= KERNEL
            else "(programs)"
        )
        instructions[name] += size * executed
        hot[name] += packets > 0 and executed >= HOT * packets
    return [(name, count, hot[name]) for name, count in instructions.most_common()]


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec", nargs="?", default=str(HERE / "lossy.yaml"))
    parser.add_argument("--top", type=int, default=40, help="how many functions to print")
    options = parser.parse_args()
    QemuPlace(say=print).prepare()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        symbols = kernel_symbols(folder)
        install(folder)
        phases, packets = profile(plan_of(find_spec(options.spec)), folder)
    print(f"{'phase':12} {'translated':>11} {'executed':>13} {'instructions':>14}")
    for phase, counts in phases:
        executed = sum(counts.executions.values())
        print(f"{phase:12} {counts.translations:>11,} {executed:>13,} {counts.instructions:>14,}")
    run = dict(phases).get("run", NOTHING)
    functions = by_function(run, symbols, packets)
    print(
        f"\nphase run: {packets:,} packets per capture, {sum(hot for *_, hot in functions):,}"
        " blocks that are executed for most packets"
    )
    print(f"{'instructions':>14} {'share':>7} {'hot blocks':>11}  function")
    for function, count, hot in functions[: options.top]:
        print(f"{count:>14,} {count / max(run.instructions, 1):>7.2%} {hot:>11,}  {function}")


if __name__ == "__main__":
    main()
