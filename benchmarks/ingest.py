"""How fast are captures read, and with how much memory? tcpexp's ingestion beside plain ``tshark -T
fields``, on the same captures, in one run.

    sudo python benchmarks/ingest.py [--sizes 10000,100000,1000000] [--capture FILE] [--out
    FILE.json]

The capture is made first: iperf3 with four connections for as long as it takes, in two network
namespaces with a queue that overflows (tbf), recorded by tcpdump with tcpexp's snaplen; or it is
``--capture``. Of it the first 10,000, 100,000... packets are taken (editcap). Three things are done
with each, each in a process of its own:

- ``tshark -T fields``: prints the fields that tcpexp reads, with tshark's default preferences, to
  /dev/null;
- tcpexp's tshark: the same fields the way tcpexp asks for them, to /dev/null;
- tcpexp: all of its ingestion of a run with this capture: tshark, tables, Parquet files.

Prints a table: packets per second of wall time, seconds of processor time, and the largest memory
that the processes held at one moment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from costing.memory import descendants

from tcpexp.ingest.tshark import FIELDS, tshark_argv, tshark_environment
from tcpexp.plan import types as t

SNAPLEN = 128
ADDRESSES = {"h1": "10.77.0.1", "h2": "10.77.0.2"}
PORT = 5201
INGEST = (
    "import sys; from pathlib import Path; from tcpexp.ingest.ingest import ingest_run;"
    " print(ingest_run(Path(sys.argv[1])).table('packets').height)"
)


@dataclass(frozen=True)
class Result:
    """One way on one capture: seconds on the wall and on processors, and bytes of memory (resident,
    all processes together).
    """

    way: str
    packets: int
    wall_s: float
    cpu_s: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Packets per second of wall time."""
        return self.packets / self.wall_s


def measured(way: str, packets: int, argv: list[str]) -> Result:
    """Run a command and measure it; raises ``CalledProcessError`` when it fails."""
    before = os.times()
    started = time.monotonic()
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=tshark_environment()
    ) as process:
        peak = _Peak(process.pid)
        errors = process.communicate()[1]
    wall = time.monotonic() - started
    after = os.times()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv, stderr=errors)
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return Result(way, packets, wall, cpu, peak.stop())


class _Peak:
    """Samples the resident memory of a process and those below it, 20 times a second."""

    def __init__(self, root: int) -> None:
        self._root, self._largest, self._done = root, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self._largest = max(
                self._largest, sum(_resident(pid) for pid in descendants(self._root))
            )

    def stop(self) -> int:
        """Return the largest sum, in bytes."""
        self._done.set()
        self._thread.join()
        return self._largest


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


@contextmanager
def namespaces() -> Iterator[list[str]]:
    """Two hosts joined by a link of 200 Mbit/s with a short queue towards the second.

    Yields the names of the namespaces.
    """
    names = [f"ingest-{os.getpid()}-{host}" for host in ADDRESSES]
    try:
        for name in names:
            _ip("netns", "add", name)
        _ip(
            "link",
            "add",
            "eth0",
            "netns",
            names[0],
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            names[1],
        )
        for name, address in zip(names, ADDRESSES.values(), strict=True):
            subprocess.run(
                [
                    "ip",
                    "netns",
                    "exec",
                    name,
                    "ethtool",
                    "-K",
                    "eth0",
                    "tx",
                    "off",
                    "tso",
                    "off",
                    "gso",
                    "off",
                    "gro",
                    "off",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        shaper = [
            "tc",
            "qdisc",
            "add",
            "dev",
            "eth0",
            "root",
            "tbf",
            "rate",
            "200mbit",
            "burst",
            "20000",
            "limit",
            "150000",
        ]
        subprocess.run(["ip", "netns", "exec", names[0], *shaper], check=True)
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def make_capture(path: Path, packets: int) -> None:
    """Record the first ``packets`` packets of a transfer at its sender; needs root."""
    with namespaces() as (sender, receiver):
        inside = ["ip", "netns", "exec"]
        dump = [
            *inside,
            sender,
            "tcpdump",
            "-i",
            "eth0",
            "-s",
            str(SNAPLEN),
            "-c",
            str(packets),
            "-B",
            "65536",
            "--time-stamp-precision=nano",
            "-w",
            str(path),
            "tcp",
        ]
        with (
            subprocess.Popen(
                [*inside, receiver, "iperf3", "-s", "-1", "-p", str(PORT)],
                stdout=subprocess.DEVNULL,
            ) as server,
            subprocess.Popen(dump, stderr=subprocess.DEVNULL) as tcpdump,
        ):
            time.sleep(1.5)
            client = [
                *inside,
                sender,
                "iperf3",
                "-c",
                ADDRESSES["h2"],
                "-p",
                str(PORT),
                "-P",
                "4",
                "-t",
                "3600",
            ]
            with subprocess.Popen(client, stdout=subprocess.DEVNULL) as transfer:
                tcpdump.wait()
                transfer.terminate()
            server.terminate()


def as_run(capture: Path, folder: Path) -> Path:
    """Make a run directory of one capture, of the flow that :func:`make_capture` records."""
    nodes = tuple(
        t.NodePlan(
            name, "host", (t.InterfacePlan(f"{name}-eth0", "02:00:00:00:00:01", f"{address}/24"),)
        )
        for name, address in ADDRESSES.items()
    )
    link = t.LinkPlan(
        "h1-h2",
        t.LinkEnd("h1", "h1-eth0"),
        t.LinkEnd("h2", "h2-eth0"),
        t.DirectionPlan(),
        t.DirectionPlan(),
        False,
        False,
        False,
        0,
    )
    flow = t.FlowPlan("bulk", "h1", "h2", PORT, "h1", "iperf3", "a00", "not_first", None, 0, None)
    network = t.NetworkPlan("two_host", nodes, (link,), ("10.77.0.0/24",))
    plan = t.RunPlan(
        "ingest", "", "", (), 1, 10**12, network, (), (), (), (flow,), (), (), "", (), t.Needs()
    )
    (folder / "raw").mkdir(parents=True)
    (folder / "plan.json").write_text(t.to_json(plan))
    (folder / "raw" / "h1-eth0.pcap").symlink_to(capture)
    (folder / "raw" / "engine.json").write_text(
        json.dumps(
            {"status": "complete", "t0_realtime_ns": 0, "t0_monotonic_ns": 0, "end_ns": 10**12}
        )
    )
    return folder


def ways(capture: Path, folder: Path) -> dict[str, list[str]]:
    """Return the command line of each way to read ``capture``."""
    plain = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-T",
        "fields",
        *(word for field in FIELDS for word in ("-e", field)),
    ]
    return {
        "tcpexp": [sys.executable, "-c", INGEST, str(as_run(capture, folder))],
        "tshark -T fields": plain,
        "tcpexp's tshark": tshark_argv(capture),
    }


def print_table(results: list[Result]) -> None:
    """Print one line per size and way."""
    print(f"{'packets':>10}  {'way':<18}{'packets/s':>10}{'wall s':>9}{'cpu s':>9}{'memory':>10}")
    for result in results:
        print(
            f"{result.packets:>10,}  {result.way:<18}{result.rate:>10,.0f}{result.wall_s:>9.1f}"
            f"{result.cpu_s:>9.1f}{result.peak_bytes / 2**20:>6.0f} MiB",
            flush=True,
        )


def main() -> None:
    """Make the capture, measure, print."""
    parser = argparse.ArgumentParser(
        description="Packets per second of ingestion, beside plain tshark -T fields"
    )
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument(
        "--capture", type=Path, help="read this one instead of making one (then no root is needed)"
    )
    parser.add_argument("--keep", type=Path, help="keep the capture that was made here")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    options = parser.parse_args()
    sizes = [int(word) for word in options.sizes.split(",")]
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = options.capture or options.keep or folder / "whole.pcap"
        if options.capture is None:
            make_capture(whole, max(sizes))
        for size in sizes:
            capture = folder / f"{size}.pcap"
            subprocess.run(
                ["editcap", "-r", "-F", "nsecpcap", str(whole), str(capture), f"1-{size}"],
                check=True,
                stderr=subprocess.DEVNULL,
            )
            for way, argv in ways(capture, folder / f"run-{size}").items():
                results.append(measured(way, size, argv))
                print_table(results[-1:])
    print()
    print_table(results)
    if options.out:
        options.out.write_text(
            json.dumps([{**asdict(result), "rate": result.rate} for result in results], indent=1)
            + "\n"
        )


if __name__ == "__main__":
    main()
