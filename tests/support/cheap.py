"""A workplace whose runs cost next to nothing: what a study needs of a run, a counter that follows
from rate, delay and seed.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tcpexp.errors import RunError, SpecError
from tcpexp.places.base import PlaceResult

SPEC = """\
name: cheap
title: A study of cheap runs
description: Does the counter follow?
topology: two_host
links:
  h1-h2: {{rate: 10mbit, delay: 10ms}}
duration: 1s
actions:
  - {{at: 100ms, do: mark, text: hello}}
sweep:
  parameters:
    rate: {{set: links.h1-h2.rate, values: {rates}}}
    rtt: {{set: {{links.h1-h2.delay: "{{rtt / 2}}s"}}, values: {rtts}}}
  repeat: {repeat}
  quick: {{parameters: {{rate: 1mbit}}, repeat: 1}}
  series: [counters]
  measures:
    segments: counters.h1.Tcp.OutSegs
    per_rtt: {{is: segments * rtt}}
    last: {{from: {{table: counters, column: value, rows: {{counter: Tcp.OutSegs}}, take: last}}}}
  expect:
    - monotone: {{measure: segments, along: rate, direction: rises}}
    - power_law: {{measure: segments, along: rate, exponent: 1, tolerance: 0.02}}
"""
#: Runs at this rate fail while the file named by CHEAP_FAILS exists.
FAILING_BPS = 6_660_000


class CheapPlace:
    """Writes what an engine would have left: a counter of 0 and then rate / 1000 + delay in us +
    seed.
    """

    name = "uml"
    clock = "virtual"

    def part(self, name):
        return None

    def check(self, plan):
        return ()

    def run(self, plan, run_dir, progress, stop):
        link = plan.network.links[0].forward
        with open(os.environ["CHEAP_LOG"], "a") as log:
            log.write(f"{os.getpid()} {link.rate_bps} {link.delay_ns} {plan.seed}\n")
        time.sleep(float(os.environ.get("CHEAP_SECONDS", "0")))
        if (
            link.rate_bps == FAILING_BPS
            and Path(os.environ.get("CHEAP_FAILS", "/nonexistent")).exists()
        ):
            raise RunError("the cheap place was told to fail", hint="remove the file")
        value = link.rate_bps // 1000 + link.delay_ns // 1000 + plan.seed
        raw = run_dir / "raw"
        (raw / "counters").mkdir(parents=True)
        blocks = "".join(
            f"# t_ns={t}\nTcp: ActiveOpens OutSegs\nTcp: 0 {count}\n"
            for t, count in ((0, 0), (10**9, value))
        )
        (raw / "counters" / "h1.txt").write_text(blocks)
        (run_dir / "events.jsonl").write_text("")
        ended = {"status": "complete", "where": None, "error": None, "end_ns": 10**9}
        engine = {
            **ended,
            "t0_realtime_ns": 0,
            "t0_monotonic_ns": 0,
            "versions": {"kernel": "6.1.0"},
        }
        (raw / "engine.json").write_text(json.dumps(engine))
        return PlaceResult.from_engine(raw, wall_seconds=0.0, clock="virtual", facts={})


class CheapWorkplace:
    """The kind of place; its identity can be changed from outside, as a new engine would."""

    name = "tests.support.cheap:CheapWorkplace"

    def missing(self):
        return ()

    def identity(self):
        return {"engine": os.environ.get("CHEAP_ENGINE", "1")}

    def open(self):
        return CheapPlace()

    def fit(self, asked):
        return None


NAME = "tests.support.cheap:CheapWorkplace"


def write_spec(folder: Path, rates="[1mbit, 2mbit, 4mbit]", rtts="[10ms, 20ms]", repeat=2) -> Path:
    path = folder / "cheap.yaml"
    path.write_text(SPEC.format(rates=rates, rtts=rtts, repeat=repeat))
    return path


class CheapKernelWorkplace(CheapWorkplace):
    """The kind of place that has three kernels, and Debian's, whose runs do nothing with them."""

    name = "tests.support.cheap:CheapKernelWorkplace"

    def __init__(self, kernel=None):
        known = kernel in (None, "old", "new", "newest") or kernel.startswith("debian-")
        if not known:
            raise SpecError(f"there is no kernel '{kernel}'", hint="did you mean 'old'?")
        self.kernel = kernel

    def identity(self):
        return {"engine": "1", "kernel": f"hash-of-{self.kernel or 'new'}"}

    def fit(self, asked):
        self.kernel = asked["kernel"].removeprefix("hash-of-")


KERNEL_NAME = "tests.support.cheap:CheapKernelWorkplace"


class CheapImageWorkplace(CheapWorkplace):
    """The kind of place that needs a guest image, though its runs do nothing with it."""

    name = "tests.support.cheap:CheapImageWorkplace"

    def __init__(self):
        self.sha256 = None

    def identity(self):
        from tcpexp.places.image.image import find_image

        image = find_image(self.sha256)
        return {"image": image.sha256 if image else "none"}

    def fit(self, asked):
        from tcpexp.places.image.image import find_image

        if find_image(asked["image"]) is None:
            return "image", asked["image"]
        self.sha256 = asked["image"]
        return None


IMAGE_NAME = "tests.support.cheap:CheapImageWorkplace"


def study_of(spec, out, **more):
    """Return the study of a spec, on the cheap place."""
    from tcpexp.studies.study import StudyOptions, load_study

    return load_study(spec, StudyOptions(out=out, workplace=NAME, **more))
