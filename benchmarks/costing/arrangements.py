"""One experiment in two arrangements: our links on the virtual clock, and a network on a real clock, both measured by the same script."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import Process
from pathlib import Path
from typing import Any

from repeatability import burn

from costing.cases import DELAY_MS, Case
from costing.watch import RunFailed

RATE_MBIT = 10
QUEUE_PACKETS = 33  # one bandwidth-delay product: 10 Mbit/s x 40 ms in frames of 1514 bytes
SCRIPT = Path(__file__).parent.parent / "stock_tclink.py"
#: What one network of the stock arrangement may take beside its traffic, in seconds of the guest's real clock.
STOCK_EXTRA_S = 7
VIRTUAL, HOST, STOCK = "guest, virtual clock, our links", "host, real clock, our links", "guest, real clock, stock TCLink"


def ours(seconds: int) -> Case:
    """Return one flow over our link, with a ping beside it that measures the RTT; ``seconds`` of traffic."""
    text = f"""\
name: cost_ours
title: One flow over our link
topology: two_host
links:
  h1-h2: {{rate: {RATE_MBIT}mbit, delay: {DELAY_MS}ms, queue: {QUEUE_PACKETS}p}}
duration: {seconds + 2}s
seed: 1
actions:
  - {{do: command, host: h2, argv: [iperf3, -s, "-1"], listens: 5201}}
  - {{at: 0s, do: python, id: here, host: h1, script: stock_tclink.py, args: [here, "{{h2}}", "{seconds}"]}}
"""
    return Case(VIRTUAL, text, {SCRIPT.name: SCRIPT.read_text()}, ("--on", "guest"))


def on_host(seconds: int) -> Case:
    """Return the same on this machine's own kernel, where its clock is the real one."""
    return replace(ours(seconds), name=HOST, arguments=("--on", "host"))


def stock(seconds: int, times: int) -> Case:
    """Return ``times`` networks of stock TCLink, one after the other, in one guest on the real clock."""
    length = times * (seconds + STOCK_EXTRA_S) + 3
    words = f'python3, "{{dir}}/scripts/stock_tclink.py", stock, "{RATE_MBIT}", {DELAY_MS}ms, "{QUEUE_PACKETS}", "{seconds}", "{times}", direct'
    text = f"""\
name: cost_stock
title: One flow over Mininet's stock TCLink
topology: two_host
duration: {length}s
seed: 1
record: {{ss: off, counters: off, trace: off, capture: off}}
actions:
  - {{at: 0s, do: command, id: here, host: h1, argv: [nsenter, -t, "1", -n, -m, {words}]}}
  - {{at: 0s, do: python, id: ship, host: h1, script: stock_tclink.py, args: [nothing]}}
"""
    return Case(STOCK, text, {SCRIPT.name: SCRIPT.read_text()}, ("--on", "guest", "--clock", "real"))


def real_clock(seconds: int, times: int) -> Case:
    """Return the arrangement on a real clock that this machine can do: its own kernel where that has netem, else stock TCLink in the guest."""
    return on_host(seconds) if host_has_netem(seconds) else stock(seconds, times)


def host_has_netem(seconds: int) -> bool:
    """Return whether this machine's own kernel can run :func:`ours`: root, netem and the rest of what the plan needs."""
    if os.geteuid() != 0:
        return False
    import tempfile

    from tcpexp.places.host import HostPlace
    from tcpexp.runner import RunOptions, compile_spec

    with tempfile.TemporaryDirectory() as folder:
        plan = compile_spec(ours(seconds).write(Path(folder)), RunOptions(on="host"), 0)
        return not HostPlace().check(plan)


def printed_rows(run_dir: Path) -> list[dict[str, Any]]:
    """Return what the measuring script printed in a run, one row per network.

    Raises:
        RunFailed: it printed nothing, because the run was too short or the script failed.
    """
    logs = run_dir / "raw" / "logs"
    text = (logs / "here.out").read_text()
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if not rows:
        errors = (logs / "here.err").read_text()[-800:]
        raise RunFailed(f"{run_dir}: the measuring script printed nothing: {errors}")
    return rows


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep ``count`` processes computing beside what is done inside the ``with`` block."""
    load = [Process(target=burn, daemon=True) for _ in range(count)]
    for process in load:
        process.start()
    try:
        yield
    finally:
        for process in load:
            process.kill()
            process.join()
