"""Is the link the one that was asked for? tcpexp's wire beside Mininet's stock TCLink, same
measurement, in one guest each.

    python benchmarks/links.py [--rates 10,100]

Prints a table: scheme, idle RTT, goodput, largest RTT under one CUBIC flow against delay +
queue/rate, drops.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData

HERE = Path(__file__).parent
SECONDS = 15
STOCK = """
name: stock
title: Mininet's stock TCLink in the guest
topology: two_host
duration: {duration}s
record: {{ss: off, counters: off, trace: off, capture: off}}
actions:
  - {{at: 0s, do: command, id: stock, host: h1, argv: [nsenter, -t, "1", -n, -m, python3,
     "{{dir}}/scripts/stock_tclink.py", stock, "{rate}", 20ms, "{queue}"]}}
  - {{at: 0s, do: python, id: ship, host: h1, script: stock_tclink.py, args: [nothing]}}
"""
OURS = """
name: ours
title: tcpexp's wire
topology: two_host
links:
  h1-h2: {{rate: {rate}mbit, delay: 20ms, queue: {queue}p}}
duration: {duration}s
record: {{ss: off, counters: off, trace: off, capture: off}}
actions:
  - {{do: command, host: h2, argv: [iperf3, -s, "-1"], listens: 5201}}
  - {{at: 0s, do: python, id: here, host: h1, script: stock_tclink.py,
     args: [here, "{{h2}}", "{seconds}"]}}
"""


def run(text: str, folder: Path) -> RunData:
    """Run a spec in the guest."""
    shutil.copy(HERE / "stock_tclink.py", folder / "stock_tclink.py")
    spec = folder / "spec.yaml"
    spec.write_text(text)
    return RunData(run_experiment(spec, RunOptions(on="guest", out=folder / "results")).path)


def rows_of(data: RunData, step: str) -> list[dict[str, Any]]:
    """Return the JSON lines that a step printed."""
    text = (data.path / "raw" / "logs" / f"{step}.out").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", default="10,100", help="Mbit/s, comma-separated")
    rates = [int(word) for word in parser.parse_args().rates.split(",")]
    print(
        f"{'rate':>5} {'queue':>6}  {'scheme':40} {'idle RTT':>9} {'goodput':>9}"
        f" {'largest RTT':>12} {'expected':>9} {'drops':>6}"
    )
    for rate in rates:
        queue = round(rate * 1e6 * 0.04 / 8 / 1514 * 1.5)
        expected = 40 + queue * 1514 * 8 / rate / 1e3
        with tempfile.TemporaryDirectory() as name:
            ours = run(
                OURS.format(rate=rate, queue=queue, duration=SECONDS + 4, seconds=SECONDS),
                Path(name),
            )
            row = rows_of(ours, "here")[0]
            queues = ours.table("queues")
            ours_queue = queues.filter((queues["qdisc"] == "queue") & (queues["towards"] == "h2"))[
                "drops"
            ]
            rows = [
                {"scheme": "tcpexp wire node", "drops": ours_queue.max() - ours_queue.min(), **row}
            ]
        with tempfile.TemporaryDirectory() as name:
            rows = (
                rows_of(
                    run(STOCK.format(rate=rate, queue=queue, duration=3 * SECONDS), Path(name)),
                    "stock",
                )
                + rows
            )
        for row in rows:
            print(
                f"{rate:5d} {queue:6d}  {row['scheme']:40} {row['idle_rtt_ms']:9.3f}"
                f" {row['goodput_mbps']:9.3f} {row['largest_rtt_ms']:12.2f} {expected:9.2f}"
                f" {row['drops']:6d}",
                flush=True,
            )


if __name__ == "__main__":
    main()
