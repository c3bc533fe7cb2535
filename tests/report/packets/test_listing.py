"""The list's columns, unpacked again: they are the table, whatever part they come from."""

import json

import polars as pl
import pytest

from tcpexp.analysis.derive import derive_tables
from tcpexp.ingest.ingest import ingest_run
from tcpexp.report.packets import listing
from tcpexp.report.packets.build import CELLS, packet_pages
from tcpexp.report.packets.listing import captures_of
from tcpexp.report.panels.bits import flag_bits, label_bits
from tcpexp.report.panels.build import panel_data
from tcpexp.report.panels.columns import unpack
from tests.support.lossy_run import make_lossy_run
from tests.support.run_builder import RunBuilder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = ingest_run(make_lossy_run(tmp_path_factory.mktemp("listed")))
    derive_tables(run)
    return run


@pytest.fixture(scope="module")
def pages(run):
    panels = panel_data(run)
    return panels, *packet_pages(run, panels)


def values_of(part, name, packed):
    """Return a part's column in the order of its rows: what page/packets.js does."""
    ends = unpack(packed, part["plain"]["ends"])
    order = sorted(range(len(ends)), key=lambda row: ends[row])
    values = [0] * len(ends)
    for row, value in zip(order, unpack(packed, part["columns"][name]), strict=True):
        values[row] = value
    return values


def test_every_packet_is_listed_once(run, pages):
    panels, info, packed = pages
    for capture in info["captures"]:
        numbers = []
        for part in capture["parts"]:
            if part["base"]:
                numbers += panels.tables[part["base"]].columns["number"].values.tolist()
            else:
                numbers += unpack(packed, part["plain"]["number"])
        own = run.table("packets").filter(capture=capture["name"])
        assert sorted(numbers) == own["number"].to_list()
        assert capture["listed"] == capture["packets"] == own.height


def test_columns_are_the_tables(run, pages):
    panels, info, packed = pages
    named = {"id": "ip_id", "sum": "checksum", "ttl": "ttl", "tsval": "ts_val", "mss": "mss"}
    for capture in info["captures"]:
        own = run.table("packets").filter(capture=capture["name"])
        for part in capture["parts"]:
            numbers = (
                panels.tables[part["base"]].columns["number"].values.tolist()
                if part["base"]
                else unpack(packed, part["plain"]["number"])
            )
            rows = pl.DataFrame({"number": numbers}).join(own, on="number", maintain_order="left")
            for ours, theirs in named.items():
                assert values_of(part, ours, packed) == rows[theirs].fill_null(-1).to_list()


def test_what_panels_hold_is_not_stored_again(pages):
    _, info, _ = pages
    based = [part for capture in info["captures"] for part in capture["parts"] if part["base"]]
    assert based
    for part in based:
        assert not {"t", "seq", "ack", "len", "win", "number"} & {*part["columns"], *part["plain"]}


def test_the_capture_beside_the_datas_sender_is_first(pages):
    panels, info, _ = pages
    assert info["captures"][0]["name"] == "h1-eth0"
    assert panels.tables[panels.connections[0]["id"]].facts["capture"] == "h1-eth0"


def test_beyond_its_room_a_page_lists_what_is_special(run, monkeypatch):
    monkeypatch.setattr(listing, "MOST_LISTED", 300)
    first, second = captures_of(run, "h2-eth0")
    assert (first.name, first.frame.height) == ("h2-eth0", first.whole)
    assert second.frame.height < second.whole
    kept = second.frame
    plain = kept.filter(
        (kept["labels"].list.len() == 0)
        & (kept["fate"].fill_null(0) == 0)
        & ~kept["again"]
        & ~kept["flags"].fill_null("S").str.contains("[SFR]")
        & (kept["protocol"] == "tcp")
    )
    assert plain.is_empty()


def test_bits_are_in_the_order_of_their_words():
    frame = pl.DataFrame(
        {
            "flags": ["S", "SA", None, "FPA"],
            "labels": [["duplicate_ack"], [], None, ["reused_ports", "lost_segment"]],
        }
    )
    assert flag_bits(frame).tolist() == [1, 17, 0, 2 + 8 + 16]
    assert label_bits(frame).tolist() == [1 << 3, 0, 0, 1 + (1 << 15)]


def test_conversations_have_the_cells_that_the_page_reads(pages):
    _, info, _ = pages
    for capture in info["captures"]:
        assert capture["conversations"]
        assert all(len(cells) == len(CELLS) for cells in capture["conversations"])


def test_without_packets_there_is_no_list(tmp_path):
    run = RunBuilder(tmp_path).done()
    assert packet_pages(run, panel_data(run)) is None


def test_a_students_page_says_nothing_of_what_labels_and_fields_mean(run):
    panels = panel_data(run)
    whole, only = (packet_pages(run, panels, only_data=only)[0] for only in (False, True))
    assert "already acknowledged" in json.dumps(whole) and "my clock" in json.dumps(whole)
    assert "already acknowledged" not in json.dumps(only) and "my clock" not in json.dumps(only)
    assert [row["count"] for row in only["captures"][0]["expert"]] == [
        row["count"] for row in whole["captures"][0]["expert"]
    ]
