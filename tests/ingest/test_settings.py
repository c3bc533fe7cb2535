"""The table ``settings``: what was read back, and what the sampler's dumps say, only where it is
new.
"""

import json
from pathlib import Path

import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.qdisc import read_queues
from tcpexp.ingest.settings import SampledSettings, read_settings

RAW = Path(__file__).parent / "data" / "linux-6.1-qdisc"
PFIFO, WIDER = (25).to_bytes(4, "little"), (26).to_bytes(4, "little")


def test_the_settings_of_a_recorded_bottleneck():
    told = SampledSettings()
    read_queues(RAW, told)
    rows = told.finish()
    assert sorted((row["towards"], row["qdisc"], row["kind"]) for row in rows) == sorted(
        (towards, qdisc, kind)
        for towards in ("h1", "h2")
        for qdisc, kind in (("netem", "netem"), ("shaper", "tbf"), ("queue", "pfifo"))
    ), "the second sample says nothing new"
    options = {
        row["qdisc"]: json.loads(str(row["options"])) for row in rows if row["towards"] == "h2"
    }
    assert options["shaper"]["rate"] == 1_250_000
    assert options["shaper"]["burst"] in (3027, 3028)
    assert options["queue"] == {"limit": 33}
    assert options["netem"]["delay"]["delay"] == pytest.approx(0.02)


def note(told, t_ns, *qdiscs):
    for qdisc, data in qdiscs:
        told.note(t_ns, "h1-h2", "h2", qdisc, "pfifo", data)


def test_a_row_for_what_is_new_and_for_what_is_gone():
    told = SampledSettings()
    note(told, 0, ("queue", PFIFO), ("netem", PFIFO))
    note(told, 1, ("queue", PFIFO), ("netem", PFIFO))
    note(told, 2, ("queue", WIDER))
    note(told, 3, ("queue", WIDER), ("netem", PFIFO))
    note(told, 4, ("queue", WIDER))
    found = [(row["t_ns"], row["qdisc"], row["kind"], row["options"]) for row in told.finish()]
    assert found == [
        (0, "queue", "pfifo", '{"limit": 25}'),
        (0, "netem", "pfifo", '{"limit": 25}'),
        (2, "queue", "pfifo", '{"limit": 26}'),
        (2, "netem", None, "{}"),
        (3, "netem", "pfifo", '{"limit": 25}'),
        (4, "netem", None, "{}"),
    ]


def test_what_was_read_back(tmp_path):
    lines = [
        {
            "t_ns": -5,
            "when": "start",
            "link": "h1-h2",
            "qdiscs": [
                {"towards": "h2", "qdisc": "queue", "kind": "pfifo", "options": {"limit": 5}}
            ],
        },
        {
            "t_ns": -4,
            "when": "start",
            "node": "h1",
            "interfaces": [{"name": "h1-eth0", "mtu": 1500, "up": True, "qdisc": "noqueue"}],
        },
        {
            "t_ns": 9,
            "when": "during",
            "node": "h1",
            "changes": [{"name": "h1-eth0", "change": "netem set"}],
            "whole": False,
        },
    ]
    (tmp_path / "readback.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = read_settings(tmp_path).rows(named=True)
    assert [(row["t_ns"], row["link"], row["interface"], row["kind"]) for row in rows] == [
        (-5, "h1-h2", None, "pfifo"),
        (-4, None, "h1-eth0", "noqueue"),
        (9, None, "h1-eth0", None),
        (9, None, None, None),
    ]
    assert json.loads(rows[-1]["options"]) == {"change": "more than the kernel kept"}
    (tmp_path / "readback.jsonl").write_text("nonsense\n{}\n")
    with pytest.raises(DataError, match=r"readback\.jsonl:1"):
        read_settings(tmp_path)
