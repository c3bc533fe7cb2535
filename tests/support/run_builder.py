"""A run directory whose tables a test fills by hand."""

import json
from dataclasses import replace

import polars as pl

from tcpexp.plan import types as t
from tcpexp.store.frames import empty_frame, write_table
from tcpexp.store.rundata import RunData
from tests.support.numbered import numbered

END_NS = 20_000_000_000


class RunBuilder:
    """Two hosts, one link; ``forward`` is the direction towards h2.

    Every method returns the builder.
    """

    def __init__(self, path):
        self.path = path
        (path / "raw").mkdir()
        self.engine_facts = {
            "status": "complete",
            "end_ns": END_NS,
            "t0_realtime_ns": 0,
            "t0_monotonic_ns": 0,
        }
        self.forward = t.DirectionPlan()
        self.changes = {}
        self.offloading = ()

    def plan(self, forward=None, **changes):
        self.forward = forward or self.forward
        self.changes |= changes
        return self

    def engine(self, **facts):
        self.engine_facts |= facts
        return self

    def offloads(self, *hosts):
        self.offloading = hosts
        return self

    def clock(self, clock):
        self.engine_facts["clock"] = clock
        return self

    def probes(self, **probes):
        (self.path / "raw" / "probes.json").write_text(json.dumps(probes))
        return self

    def table(self, name, *rows):
        frame = pl.DataFrame(list(rows), infer_schema_length=None) if rows else empty_frame(name)
        write_table(self.path, name, numbered(frame))
        return self

    def journeys(self, transits, spacing_ns=1_000_000, delay_ns=20_000_000, **columns):
        """One packet per entry from h1 to h2: extra time on the way in ns, or None when it was
        lost.
        """
        rows = []
        for number, extra in enumerate(transits):
            sent = number * spacing_ns
            received = None if extra is None else sent + delay_ns + extra
            row = {
                "from_node": "h1",
                "to_node": "h2",
                "sent_ns": sent,
                "received_ns": received,
                "copies": int(extra is not None),
            }
            rows.append({**row, "late": False, "changed": False, **columns})
        return self.table("journeys", *rows)

    def done(self):
        hosts = tuple(
            t.NodePlan(
                name,
                "host",
                (
                    t.InterfacePlan(
                        f"{name}-eth0",
                        "02:00:00:00:00:01",
                        f"10.0.0.{number}/24",
                        offloads=name in self.offloading,
                    ),
                ),
            )
            for number, name in enumerate(("h1", "h2"), start=1)
        )
        ends = (t.LinkEnd("h1", "h1-eth0"), t.LinkEnd("h2", "h2-eth0"))
        link = t.LinkPlan(
            "h1-h2", *ends, self.forward, t.DirectionPlan(), True, True, True, 40_000_000
        )
        plan = t.RunPlan(
            "x",
            "",
            "",
            (),
            1,
            END_NS,
            t.NetworkPlan("two_host", hosts, (link,), ("10.0.0.0/16",)),
            (),
            (),
            (),
            (),
            (),
            (),
            "",
            (),
            t.Needs(),
        )
        (self.path / "plan.json").write_text(t.to_json(replace(plan, **self.changes)))
        (self.path / "raw" / "engine.json").write_text(json.dumps(self.engine_facts))
        return RunData(self.path)
