"""The HTML report: what it says, that it is self-contained, escaped and well-formed, and what it
says of unfinished runs.
"""

import dataclasses
import json
from pathlib import Path

import polars as pl
import pytest

from tcpexp.checks.base import Evidence
from tcpexp.checks.run import write_checks
from tcpexp.plan.types import FlowPlan, Mark, Step, to_json
from tcpexp.plots.run import plot_run
from tcpexp.report.page.content import timeline_rows
from tcpexp.report.page.write import write_report
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData
from tests.support.fake_run import make_plan, one_connection, shared_bottleneck, write_run
from tests.support.report_values import CERTIFICATE, EVIL, MANIFEST, METRICS, VERDICTS, Page


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    path = tmp_path_factory.mktemp("run")
    run = shared_bottleneck(path, 8, metrics=METRICS, certificate=CERTIFICATE, manifest=MANIFEST)
    write_checks(path, VERDICTS)
    commands = [
        {"t_ns": 5, "node": "h1", "argv": ["ip", "link", "set", "a b"], "status": 0, "stderr": ""}
    ] * 3
    (path / "raw/commands.jsonl").write_text(
        "".join(json.dumps(command) + "\n" for command in commands) + '{"cut": '
    )
    plot_run(run)
    return Page(write_report(run).read_text())


def test_the_page_is_well_formed(page):
    assert page.open == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_links_within_the_page_lead_somewhere(page):
    ids = {value for _, name, value in page.attributes if name == "id"}
    ids |= {f"panel-{panel['id']}" for panel in page.panels}  # the script puts them up
    targets = {
        value[1:]
        for _, name, value in page.attributes
        if name in ("href", "xlink:href") and value.startswith("#")
    }
    assert targets <= ids


def test_the_page_needs_nothing_from_anywhere(page):
    assert not {"link", "iframe", "object"} & set(page.tags)
    loaded = [
        value
        for tag, name, value in page.attributes
        if name == "src" or (tag in ("image", "use") and name.endswith("href"))
    ]
    assert all(value.startswith(("data:", "#")) for value in loaded)


@pytest.mark.parametrize(
    "words",
    [
        "BBR and CUBIC share a bottleneck",
        "Who gets how much?",
        "1 PASS",
        "1 FAIL",
        "1 INCONCLUSIVE",
        "1 UNSUPPORTED",
        "measured 65.0 %",
        "expected at least 50.0 %",
        "BBRv1 does not back off on loss",
        "wireshark -g 5 raw/h1-eth0.pcap",
        "and 16 more",
        "1.000 s to 2.000 s",
        "1.01 s",
        "certificate SUSPECT",
        "off by 3 ms",
        "43.1 ms",
        "3.4 Mbit/s",
        "35.0 %",
        "12 (1.20 %)",
        "61.2",
        "⇄ 10 Mbit/s, 20 ms",
        "iperf3 bbr h1 → h2",
        "1.2 µs",
        "Goodput",
        "It ignores loss.",
        "RFC 9293",
        "Duplicate ACK",
        "h1-eth0 #",
        "ip link set 'a b'",
        "3 times",
        "tcpexp run experiments/bbr_vs_cubic.yaml --seed 7 --on qemu",
        "6.1.0-44",
        "ab" * 32,
        "4 GB",
        "tcpexp run 'a b.yaml'",
        "cd" * 32,
    ],
)
def test_the_page_says(page, words):
    assert words in " ".join(page.text.split())


def test_the_timeline_names_each_segment_on_which_a_fault_acted(tmp_path):
    run = shared_bottleneck(tmp_path, 4)
    ends = {
        "src": "10.0.0.1",
        "src_port": 40000,
        "dst": "10.0.0.2",
        "dst_port": 5201,
        "link": "h1-h2",
        "towards": "h2",
        "step": "late",
    }
    data = {
        **ends,
        "t_ns": 1_500_000_000,
        "effect": "delay",
        "segment": "data",
        "number": 20,
        "transmission": 2,
        "payload_bytes": 1448,
        "offset": 1000,
    }
    syn = {
        **ends,
        "t_ns": 10_000_000,
        "effect": "drop",
        "segment": "syn",
        "number": 1,
        "transmission": 1,
        "payload_bytes": 0,
    }
    write_table(
        run.path,
        "faults",
        pl.DataFrame([{**syn, "offset": None, "delay_ns": None}, {**data, "delay_ns": 3_000_000}]),
    )
    rows, left_out = timeline_rows(RunData(run.path))
    assert left_out == 0
    assert [row["actual"] for row in rows] == sorted(
        (row["actual"] for row in rows), key=lambda text: float(text.split()[0])
    )
    found = {row["event"]: row["text"] for row in rows if row["event"].startswith("fault")}
    assert found == {
        "fault: drop": "syn 1, transmission 1, 10.0.0.1:40000 → 10.0.0.2:5201, h1-h2 towards h2",
        "fault: delay 3 ms": (
            "data 20, transmission 2, bytes 1,000 to 2,447, 10.0.0.1:40000 → 10.0.0.2:5201, h1-h2"
            " towards h2"
        ),
    }


def test_a_label_that_never_occurred_has_no_row(page):
    assert "Retransmission after RTO" not in page.text


def test_every_figure_is_inline_for_wide_windows_and_for_a_phone(page):
    names = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]
    assert names.count("Goodput") == 2 and len(names) == page.tags.count("svg")
    assert {names.count(name) for name in names} == {2}


def test_colours_follow_the_reader(page):
    styles = [value for _, name, value in page.attributes if name == "style"]
    assert not any("#ffffff" in value or "#1c2430" in value for value in styles)
    assert any("var(--ink)" in value for value in styles)


def test_texts_from_spec_and_data_are_escaped(tmp_path: Path):
    flow = FlowPlan(EVIL, "h1", "h2", 80, "h1", EVIL, "a00", "all", EVIL, 0, None)
    step = Step("a00", 0, 10**9, Mark(EVIL), EVIL)
    plan = make_plan(
        name=EVIL,
        title=EVIL,
        description=EVIL,
        references=(EVIL,),
        explain=f"- {EVIL}\n",
        flows=(flow,),
        steps=(step,),
        plots=({"ladder": {"title": EVIL}}, {"retransmissions": {"title": EVIL}}),
    )
    metrics = {
        "labels": {
            EVIL: {
                "count": 1,
                "captures": {EVIL: 1},
                "examples": [{"capture": EVIL, "number": 1, "t_ns": 0}],
            }
        },
        "flows": {},
    }
    base = one_connection(tmp_path)
    tables = {
        name: base.table(name) for name in ("packets", "connections", "states", "events", "sockets")
    }
    evil = dataclasses.replace(
        VERDICTS[1],
        title=EVIL,
        measured=EVIL,
        asked=EVIL,
        reason=EVIL,
        because=EVIL,
        evidence=(Evidence(EVIL, EVIL, (1,), 0, 1, ((EVIL,), (EVIL,))),),
    )
    certificate = {
        "verdict": "SUSPECT",
        "reasons": [EVIL],
        "items": [{"name": EVIL, "verdict": EVIL}],
    }
    run = write_run(
        tmp_path / "evil",
        plan,
        tables,
        metrics=metrics,
        certificate=certificate,
        manifest={"failure": EVIL, "versions": {EVIL: EVIL}},
        engine={"status": "failed", "error": EVIL},
    )
    write_checks(run.path, [evil])
    (run.path / "raw/commands.jsonl").write_text(
        json.dumps({"argv": [EVIL], "node": EVIL, "stderr": EVIL}) + "\n"
    )
    plot_run(run)
    page = Page(write_report(run).read_text())
    assert page.tags.count("script") == 6 and "img" not in page.tags
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert page.open == [] and page.text.count("alert(") > 15


@pytest.mark.parametrize(
    ("status", "words"), [("interrupted", "This run was interrupted."), ("failed", "it failed")]
)
def test_an_unfinished_run_says_so_first(tmp_path, status, words):
    run = write_run(
        tmp_path, make_plan(), {}, engine={"status": status, "error": "iperf3 was not found"}
    )
    html = write_report(run).read_text()
    assert words in html and "iperf3 was not found" in html
    assert html.index('role="alert"') < html.index('id="verdicts"')


def test_a_run_with_nothing_but_its_plan_still_has_a_page(tmp_path):
    (tmp_path / "plan.json").write_text(to_json(make_plan()))
    run = type(write_run(tmp_path / "x", make_plan(), {}))(tmp_path)
    page = Page(write_report(run).read_text())
    text = " ".join(page.text.split())
    assert page.open == []
    assert (
        "This run was interrupted." in text
        and "has no certificate" in text
        and "states no expectation" in text
    )


def test_the_same_files_give_the_same_page(tmp_path):
    run = shared_bottleneck(tmp_path, 4, metrics=METRICS)
    assert write_report(run).read_bytes() == write_report(run).read_bytes()
