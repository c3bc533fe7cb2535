"""A spec with a congestion control of one's own, and its plan."""

from __future__ import annotations

from pathlib import Path

from tcpexp.catalogue.reading import load_plan
from tcpexp.plan.types import RunPlan

SOURCE = """\
/* struct tcp_congestion_ops old = { .name = "old" }; */
#include <net/tcp.h>
#include "mine_trace.h"
static struct tcp_congestion_ops mine __read_mostly = {
	.ssthresh = mine_ssthresh,
	.name = "mine", // not "yours"
};
"""
VARIANT = "static struct tcp_congestion_ops v = { .flags = 1, .name = KBUILD_MODNAME };\n"
SPEC = """\
name: own
topology: two_host
duration: 5s
links: {h1-h2: {rate: 10mbit, delay: 5ms}}
MORE
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: a, congestion_control: CONTROL}
"""


def plan_of(folder: Path, control: str, more: str = "", overrides=()) -> RunPlan:
    (folder / "mine.c").write_text(SOURCE)
    (folder / "mine_trace.h").write_text("/* a tracepoint */\n")
    (folder / "v.c").write_text(VARIANT)
    path = folder / "own.yaml"
    path.write_text(SPEC.replace("CONTROL", control).replace("MORE", more))
    return load_plan(path, overrides=overrides)
