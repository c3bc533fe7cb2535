"""How fast the laboratory is: until it is painted, and from a knob to the new curve.

    python benchmarks/lab.py [--turns 8] [--json FILE]
    sudo python benchmarks/lab.py --first      before whatever else the machine does

Starts ``tcpexp lab``, opens it in headless Chromium, and turns the delay of a 10 s, 10 Mbit/s flow
to and fro. The time of a turn begins with the press of the button and ends when the panels of the
new run are mounted, in the page's own clock. The machine's load stands beside it: on two processors
the guest takes one and the browser, the server and the next worker share the other. ``--first``
schedules all of these before other processes (``chrt``), as if the machine had nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SPEC = """\
name: one_flow
title: One flow over a slow link
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms, queue: 1bdp}
seed: 7
duration: 10s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: cubic, congestion_control: cubic, until: 10s}
expect:
  - goodput: {flow: cubic, between: [1s, 10s], at_least: 5mbit}
"""
MORE = ".knob button[aria-label='delay: more']"
LESS = ".knob button[aria-label='delay: less']"


FIRST = ("chrt", "-r", "1")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def measure(turns: int, before: tuple[str, ...]) -> dict[str, Any]:
    """Return first paint in ms and the time of each turn in ms; ``before`` stands before each
    command.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        (folder / "one_flow.yaml").write_text(SPEC)
        server = subprocess.Popen(
            [*before, sys.executable, "-m", "tcpexp.cli.main", "lab", "--no-browser", "--out",
             str(folder / "results"), str(folder / "one_flow.yaml")],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            link = server.stdout.readline().strip()
            browser = driver.chromium.launch(
                executable_path=browser_command(folder, before), args=["--no-sandbox"]
            )
            paints = [first_paint(browser, link) for _ in range(3)]
            page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
            page.goto(link)
            page.click(".card >> nth=0")
            page.wait_for_selector(MORE)
            found = [one_turn(page, (MORE, LESS)[number % 2]) for number in range(turns)]
            browser.close()
        finally:
            server.terminate()
            server.wait(30)
    return {"paint_ms": paints, "turn_ms": found, "load": os.getloadavg()[0]}


def browser_command(folder: Path, before: tuple[str, ...]) -> str:
    """Return a program that starts the browser."""
    if not before:
        return CHROMIUM
    script = folder / "chromium"
    script.write_text(f'#!/bin/sh\nexec {" ".join(before)} {CHROMIUM} "$@"\n')
    script.chmod(0o755)
    return str(script)


def first_paint(browser: Any, link: str) -> float:
    """Return when a browser that was never here has painted something, ms from its start."""
    page = browser.new_context().new_page()
    page.goto(link)
    page.wait_for_selector(".card")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    found = float(page.evaluate(paint))
    page.context.close()
    return found


def one_turn(page: Any, button: str) -> float:
    """Turn the knob once; return the ms until the new curve, when the run has ended."""
    page.evaluate("for (const n of ['curveMs', 'ended']) delete document.body.dataset[n]")
    page.click(button)
    page.wait_for_selector("body[data-curve-ms]", timeout=120_000)
    page.wait_for_selector("body[data-ended]", timeout=120_000)
    found = float(page.evaluate("document.body.dataset.curveMs"))
    page.wait_for_timeout(1500)  # the next worker is warm, as when somebody looks at the curve
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--first", action="store_true", help="before other processes (root)")
    given = parser.parse_args()
    found = measure(given.turns, FIRST if given.first else ())
    paint, turn = (statistics.median(found[key]) for key in ("paint_ms", "turn_ms"))
    least, most = min(found["turn_ms"]), max(found["turn_ms"])
    print(f"first paint: {paint:.0f} ms (median of {len(found['paint_ms'])})")
    print(
        f"knob to curve: {turn / 1e3:.2f} s (median of {given.turns}, {least / 1e3:.2f} to"
        f" {most / 1e3:.2f}), 10 s of a 10 Mbit/s flow; load {found['load']:.1f} on"
        f" {os.cpu_count()} processors"
    )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
