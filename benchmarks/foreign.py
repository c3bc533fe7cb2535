"""How fast are other people's captures read, and explained, and with how much memory?

    python benchmarks/foreign.py [--sizes 100000,1000000] [--snaplen 128] [--capture FILE]
        [--explain]

The captures are made by arithmetic (``capturing/making.py``: forty bulk transfers with losses that
SACK repairs), or it is ``--capture``. Each is read twice by a process of its own, with Wireshark's
labels and without; with ``--explain`` all that ``tcpexp explain`` makes of it is made, page
included. Prints packets per second of wall time, seconds of wall and processor time, and
the largest memory. On a machine that does other things as well, compare processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from capturing.making import make_capture

EXPLAIN = (
    "import sys, tempfile; from pathlib import Path\n"
    "from tcpexp.explain.explain import explain_captures\n"
    "with tempfile.TemporaryDirectory() as folder:\n"
    "    made = explain_captures([Path(sys.argv[1])], Path(folder), labels=sys.argv[2] == '1')\n"
    "    print(made.run.table('packets').height)"
)
READ = (
    "import sys; from pathlib import Path; from tcpexp.ingest.foreign import read_foreign;"
    " print(read_foreign([Path(sys.argv[1])], labels=sys.argv[2] == '1').packets.height)"
)


def measure(capture: Path, labels: bool, program: str = READ) -> dict[str, float]:
    """Read a capture in a process of its own, or do with it what ``program`` says.

    Return packets, seconds of wall and processor time, and the largest memory in MiB.
    """
    argv = [sys.executable, "-c", program, str(capture), str(int(labels))]
    started = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        packets = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return {
        "packets": int(packets),
        "labels": labels,
        "wall_s": time.monotonic() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_mib": usage.ru_maxrss / 1024,
    }


def print_row(row: dict[str, float]) -> None:
    """Print one line of the table."""
    print(
        f"{row['packets']:>12,.0f}  {'yes' if row['labels'] else 'no':<7}"
        f"{row['packets'] / row['wall_s']:>10,.0f}{row['wall_s']:>9.1f}{row['cpu_s']:>9.1f}"
        f"{row['memory_mib']:>9,.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Make the captures, measure, print."""
    parser = argparse.ArgumentParser(description="Packets per second of foreign captures")
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--snaplen", type=int, default=128)
    parser.add_argument("--labels", choices=("yes", "no", "both"), default="both")
    parser.add_argument("--capture", type=Path, help="read this one instead of making some")
    parser.add_argument("--explain", action="store_true", help="measure all of tcpexp explain")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    options = parser.parse_args()
    ways = {"yes": [True], "no": [False], "both": [False, True]}[options.labels]
    rows = []
    print(f"load before: {os.getloadavg()[0]:.1f}")
    print(f"{'packets':>12}  {'labels':<7}{'packets/s':>10}{'wall s':>9}{'cpu s':>9}{'memory':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for size in [0] if options.capture else map(int, options.sizes.split(",")):
            capture = options.capture or Path(folder) / f"{size}.pcap"
            if not options.capture:
                make_capture(capture, size, snaplen=options.snaplen)
            for labels in ways:
                rows.append(measure(capture, labels, EXPLAIN if options.explain else READ))
                print_row(rows[-1])
            if not options.capture:
                capture.unlink()
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
