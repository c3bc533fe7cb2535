"""Measure a report's page by its number of packets: seconds to write, megabytes, seconds until its
panels stand, milliseconds per zoom.

    python benchmarks/page_cost.py [--packets 10000 50000 100000 200000] [--run RUN ...]

Made-up connections: data segments and ACKs with jitter, a loss in a thousand, journeys, RTT samples
and tcp_probe rows, as a download leaves them (half of the packets are at each end's capture).
``--run`` measures existing runs instead. Writing is processor time of this process; opening is wall
time in headless Chromium from navigation until the page stands, and the processor time of the
page's process for it (which a busy machine changes little); then the panels are scrolled to and
drawn (processor time). A zoom is to a twentieth of the time, then to the whole, with the panels in
the window: milliseconds of wall time and of processor time. Best of three. Needs Chromium and the
Python package playwright.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tcpexp.plan.types import (
    FlowPlan,
    InterfacePlan,
    Needs,
    NetworkPlan,
    NodePlan,
    RunPlan,
    to_json,
)
from tcpexp.report.page.write import write_report
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData

MSS, SECONDS = 1448, 60


def plan() -> RunPlan:
    """Return the plan of a download from h1 to h2."""
    nodes = tuple(
        NodePlan(
            f"h{i}",
            "host",
            (InterfacePlan(f"h{i}-eth0", f"02:00:00:00:00:0{i}", f"10.0.0.{i}/24"),),
        )
        for i in (1, 2)
    )
    flow = FlowPlan("download", "h1", "h2", 5201, "h1", "iperf3", "a00", "all", "cubic", 0, None)
    texts = {"name": "page", "title": "A page", "description": "", "references": (), "explain": ""}
    empty = {"setup": (), "steps": (), "recorders": (), "expect": (), "plots": (), "files": ()}
    network = NetworkPlan("two_host", nodes, (), ("10.0.0.0/24",))
    return RunPlan(
        **texts,
        **empty,
        seed=1,
        duration_ns=SECONDS * 10**9,
        network=network,
        flows=(flow,),
        needs=Needs(),
    )  # type: ignore[arg-type]


def make_run(path: Path, packets: int) -> RunData:
    """Write a run whose two captures hold ``packets`` packets together."""
    rng = np.random.default_rng(1)
    count = packets // 4  # data segments; as many ACKs; both at both ends
    sent = np.sort(rng.uniform(0, (SECONDS - 1) * 1e9, count)).astype(np.int64)
    delay = (20e6 + rng.exponential(5e6, count)).astype(np.int64)
    lost = rng.random(count) < 0.001
    seq = np.arange(count, dtype=np.int64) * MSS + 1
    ends = {
        "data": ("10.0.0.1", "10.0.0.2", 40000, 5201),
        "ack": ("10.0.0.2", "10.0.0.1", 5201, 40000),
    }

    def rows(kind: str, node: str, t: np.ndarray, keep: np.ndarray) -> pl.DataFrame:
        src, dst, sport, dport = ends[kind]
        data = kind == "data"
        one = np.ones_like(seq)
        frame = pl.DataFrame(
            {"t_ns": t, "seq_rel": seq if data else one, "ack_rel": one if data else seq + MSS}
        )
        constant = {
            "node": node,
            "capture": f"{node}-eth0",
            "src": src,
            "dst": dst,
            "src_port": sport,
            "dst_port": dport,
            "protocol": "tcp",
            "flow": "download",
            "stream": 0,
            "flags": "A",
            "payload_bytes": MSS if data else 0,
            "frame_bytes": MSS + 66 if data else 66,
            "window_bytes": 262144,
            "in_flight_bytes": 50 * MSS if data else None,
        }
        named = (
            pl.when(pl.int_range(pl.len()) % 500 == 7)
            .then(pl.lit(["duplicate_ack"]))
            .otherwise(pl.lit([], dtype=pl.List(pl.String)))
        )
        return frame.with_columns(
            labels=named, **{name: pl.lit(value) for name, value in constant.items()}
        ).filter(pl.Series(keep))

    everything = np.ones(count, dtype=bool)
    parts = [
        rows("data", "h1", sent, everything),
        rows("data", "h2", sent + delay, ~lost),
        rows("ack", "h2", sent + delay + 50_000, ~lost),
    ]
    parts.append(rows("ack", "h1", sent + delay + 20_050_000, ~lost))
    whole = (
        pl.concat(parts, how="vertical_relaxed")
        .sort("capture", "t_ns")
        .with_columns(number=pl.int_range(pl.len()).over("capture") + 1)
    )
    (path / "raw").mkdir(parents=True)
    (path / "plan.json").write_text(to_json(plan()))
    write_table(path, "packets", whole)
    write_table(
        path,
        "rtt",
        pl.DataFrame(
            {"flow": "download", "t_ns": sent + delay + 20_050_000, "rtt_ns": delay + 20_050_000}
        ).filter(pl.Series(~lost)),
    )
    window = {
        "cwnd": 40 + np.arange(count) % 60,
        "ssthresh": 40,
        "snd_nxt": seq + 50 * MSS,
        "snd_una": seq,
    }
    probe = {"flow": "download", "node": "h1", "src_port": 40000, **window}
    write_table(
        path,
        "tcp_probe",
        pl.DataFrame({"t_ns": sent + delay + 20_060_000, "srtt_us": delay // 1000, **probe}),
    )
    left = whole.filter((pl.col("node") == "h1") & (pl.col("src") == "10.0.0.1"))
    ends_of = {
        "flow": "download",
        "from_node": "h1",
        "to_node": "h2",
        "sent_ns": sent,
        "sent_number": left["number"],
        "copies": (~lost).astype(np.int64),
    }
    arrived = pl.DataFrame(
        {**ends_of, "received_ns": sent + delay, "received_number": np.arange(count)}
    )
    gone = [
        pl.when(pl.col("copies") > 0).then(pl.col(name)).alias(name)
        for name in ("received_ns", "received_number")
    ]
    write_table(path, "journeys", arrived.with_columns(gone))
    return RunData(path)


def processor_time(tab: Any) -> float:
    """Return the processor time that a page's process has used, in seconds (DevTools protocol,
    Performance.getMetrics).
    """
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable")
    return float(
        next(
            metric["value"]
            for metric in session.send("Performance.getMetrics")["metrics"]
            if metric["name"] == "ProcessTime"
        )
    )


def zoomed(tab: Any, part: float) -> tuple[float, float]:
    """Show a part of the run and return the milliseconds of wall time and of processor time that it
    took.
    """
    used = processor_time(tab)
    wall = float(tab.evaluate(ZOOM, part))
    return wall, (processor_time(tab) - used) * 1000


def main() -> None:
    """Measure each size, or each run, and print a table."""
    from playwright.sync_api import sync_playwright

    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument(
        "--packets", type=int, nargs="*", default=[10_000, 50_000, 100_000, 200_000]
    )
    options.add_argument(
        "--run", type=Path, nargs="*", default=[], help="existing run directories instead"
    )
    given = options.parse_args()
    print(
        f"{'packets':>10}{'write s':>9}{'MB':>7}{'open s':>8}{'of cpu s':>9}{'panels s':>9}"
        f"{'zoom ms':>9}{'of cpu':>7}{'whole ms':>10}{'of cpu':>7}"
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
            rows = []
            for _ in range(3):
                tab = chromium.new_page(viewport={"width": 1280, "height": 900})
                started = time.monotonic()
                tab.goto(page.as_uri())
                tab.wait_for_selector("#panels[data-ready=yes]", timeout=60_000)
                opened = time.monotonic() - started
                used = processor_time(tab)
                tab.evaluate(
                    "document.getElementById('panels').scrollIntoView({ behavior: 'instant' })"
                )
                tab.wait_for_selector("#panels[data-drawn=all]", timeout=60_000)
                drawn = processor_time(tab) - used
                rows.append(
                    (
                        opened,
                        used,
                        drawn,
                        *(number for part in (0.05, 1.0) for number in zoomed(tab, part)),
                    )
                )
                tab.close()
            best = [min(column) for column in zip(*rows, strict=True)]
            size, count = page.stat().st_size / 1e6, run.table("packets").height
            told = f"{count:10,}{wrote:9.1f}{size:7.1f}{best[0]:8.2f}{best[1]:9.2f}{best[2]:9.2f}"
            print(f"{told}{best[3]:9.0f}{best[4]:7.0f}{best[5]:10.0f}{best[6]:7.0f}", flush=True)
        chromium.close()


#: Show a part of the run in all panels; milliseconds until two frames later.
ZOOM = """async (part) => {
  const [from, to] = tcpexp.group.whole, start = performance.now();
  tcpexp.group.zoom(from + (to - from) * 0.4, from + (to - from) * (0.4 + part));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""

if __name__ == "__main__":
    main()
