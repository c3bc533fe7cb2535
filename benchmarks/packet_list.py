"""Measure a report's packet list by its number of packets: the page's megabytes with and without
it, seconds to write it, and milliseconds in the browser.

    python benchmarks/packet_list.py [--packets 10000 100000 300000] [--run RUN ...]

Made-up downloads as in ``page_cost.py`` (half of the packets are at each end's capture), with the
columns that a list shows; ``--run`` measures existing runs, captures included. Writing is processor
time of this process. In headless Chromium: until the list stands after it was first scrolled to;
the slowest of a number of filters, once its columns are unpacked in idle moments, when it is set
for the first time and again, and the median of the latter (each with the list drawn anew); the
median of 30 steps of scrolling through the whole list, and of 30 steps with the arrow key (each
until the frame after the next), and beside each the processor time that the page's process used for
one, which a busy machine changes little. Needs Chromium and the Python package playwright.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from page_cost import make_run, processor_time

from tcpexp.report.packets.build import packet_pages
from tcpexp.report.page.write import write_report
from tcpexp.report.panels.build import panel_data
from tcpexp.store.rundata import RunData

FILTERS = (
    "tcp.len > 0",
    "ip.addr == 10.0.0.1 and tcp.port == 5201",
    "not (tcp.len > 0) and tcp.ack > 1000000",
    'label == "Dup ACK" or lost',
    "resent or tcp.analysis.retransmission",
    "frame.number in {1..20, 5000..6000}",
    "time > 10 and time < 20 and delay > 25ms",
    "tcp.options.sack.count > 0",
    "h1 syn",
    "tcp.window_size < 100000 or rtt > 30ms",
)
STEPS = 30
#: Set a filter, or scroll and step through the list; milliseconds, of a step until the frame after
#: the next one.
DO = """async (what) => {
  const list = tcpexp.packetList, body = list.grid.body;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const timed = async (act) => {
    const start = performance.now();
    act();
    await frame();
    await frame();
    return performance.now() - start;
  };
  const start = performance.now();
  list.setFilter(what.filter || "");
  if (what.filter !== undefined) return performance.now() - start;
  const times = [];
  for (let i = 0; i < STEPS; i++) {
    const scroll = () => body.scrollTo(0, (body.scrollHeight * i) / STEPS);
    times.push(await timed(what.scroll ? scroll : () => list.grid.go(list.grid.at + 1)));
  }
  return times;
}""".replace("STEPS", str(STEPS))


def looked_at(chromium: Any, page: Path) -> dict[str, float]:
    """Return milliseconds of what a reader does with the list."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(page.as_uri())
    tab.wait_for_selector("#panels[data-drawn=all]", timeout=120_000)
    started = time.monotonic()
    tab.evaluate("document.getElementById('packets').scrollIntoView({ behavior: 'instant' })")
    tab.wait_for_selector("#packets[data-ready=yes]", timeout=120_000)
    stands = (time.monotonic() - started) * 1000
    tab.wait_for_function("tcpexp.packetList.capture.columns.has('blocks')", timeout=120_000)
    first = [float(tab.evaluate(DO, {"filter": text})) for text in FILTERS]
    again = [float(tab.evaluate(DO, {"filter": text})) for text in FILTERS]
    moves = {}
    for name, what in (("scroll", True), ("step", False)):
        used = processor_time(tab)
        moves[name] = median(tab.evaluate(DO, {"scroll": what}))
        moves[f"{name} cpu"] = (processor_time(tab) - used) * 1000 / STEPS
    tab.close()
    return {
        "stands": stands,
        "first": max(first),
        "again": max(again),
        "median": median(again),
        **moves,
    }


def main() -> None:
    """Measure each size, or each run, and print a table."""
    from playwright.sync_api import sync_playwright

    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--packets", type=int, nargs="*", default=[10_000, 100_000, 300_000])
    options.add_argument("--run", type=Path, nargs="*", default=[], help="run directories instead")
    given = options.parse_args()
    print(
        f"{'packets':>10}{'write s':>9}{'of it list':>12}{'MB':>7}{'of it list':>12}"
        f"{'stands ms':>11}{'filter: first':>15}{'again':>7}{'median':>8}"
        f"{'scroll':>8}{'cpu':>5}{'step':>6}{'cpu':>5}"
    )
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        made = (make_run(Path(folder) / str(count), count) for count in given.packets)
        for run in [RunData(path) for path in given.run] or made:
            started = time.process_time()
            page = write_report(run)
            wrote = time.process_time() - started
            panels = panel_data(run)
            started = time.process_time()
            pages = packet_pages(run, panels)
            own = time.process_time() - started
            size = len(pages[1]) / 1e6 if pages else 0.0
            took = looked_at(chromium, page)
            print(
                f"{run.table('packets').height:10,}{wrote:9.1f}{own:12.2f}"
                f"{page.stat().st_size / 1e6:7.1f}{size:12.1f}{took['stands']:11.0f}"
                f"{took['first']:15.0f}{took['again']:7.0f}{took['median']:8.0f}"
                f"{took['scroll']:8.0f}{took['scroll cpu']:5.0f}"
                f"{took['step']:6.0f}{took['step cpu']:5.0f}",
                flush=True,
            )
        chromium.close()


if __name__ == "__main__":
    main()
