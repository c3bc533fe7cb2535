"""Captures become run directories: what lies in them, what is refused, and that the same capture
gives the same folder.
"""

import json
import re
import shutil
import struct

import polars as pl
import pytest

from tcpexp.cli.main import main
from tcpexp.errors import DataError, SpecError
from tcpexp.explain import directory
from tcpexp.explain.explain import explain_again, explain_captures
from tcpexp.store.manifest import verify
from tests.support.foreign import CLIENT, SEGMENT, SERVER, write_download


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    capture = write_download(folder / "at client.pcap")
    return capture, explain_captures([capture], folder / "results")


def test_a_capture_becomes_a_whole_run_directory(made):
    capture, explained = made
    run = explained.run
    assert explained.path.parent.name == directory.EXPLAINED
    assert (explained.path / "raw" / capture.name).read_bytes() == capture.read_bytes()
    assert verify(explained.path).where == directory.PLACE
    assert run.status == "complete" and run.plan.steps == ()
    assert {node.name for node in run.plan.network.nodes} == {CLIENT, SERVER}
    assert directory.capture_files(explained.path)[0].source == str(capture)


def test_its_tables_say_what_the_packets_say(made):
    run = made[1].run
    packets, connections = run.table("packets"), run.table("connections")
    assert packets["protocol"].value_counts().sort("protocol").rows() == [("tcp", 33), ("udp", 1)]
    row = connections.row(0, named=True)
    assert (row["client"], row["server"], row["flow"]) == (CLIENT, SERVER, "connection 1")
    assert (row["bytes_to_server"], row["bytes_to_client"]) == (100, 20 * SEGMENT)
    assert row["first_closer"] == SERVER and row["end_ns"] is not None
    flow = run.plan.flows[0]
    assert (flow.sender, flow.client, flow.port) == (SERVER, CLIENT, row["server_port"])
    assert run.table("throughput")["goodput_bytes"].sum() == 20 * SEGMENT
    assert run.metrics["connections"]["closed"] == 1


def test_times_count_from_the_first_packet(made):
    packets = made[1].run.table("packets")
    assert packets["t_ns"].min() == 0
    assert made[1].run.engine["t0_realtime_ns"] == 10**18 + 10_000_000 - 1_000_000


def test_the_same_capture_is_explained_in_the_same_folder(made, tmp_path):
    capture, explained = made
    results = explained.path.parents[1]
    before = (explained.path / "report.html").read_bytes()
    assert explain_captures([capture], results).path == explained.path
    assert (explained.path / "report.html").read_bytes() == before
    other = write_download(tmp_path / capture.name, segments=9)
    assert explain_captures([other], results).path.name == f"{explained.path.name}-2"


def test_everything_but_the_captures_can_be_made_again(made, tmp_path):
    copy = tmp_path / made[1].path.name
    shutil.copytree(made[1].path, copy)
    for name in ("tables", "metrics.json", "report.html"):
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = explain_again(copy)
    assert again.report.read_bytes() == made[1].report.read_bytes()
    (copy / "raw" / made[0].name).unlink()
    with pytest.raises(DataError, match="the capture is gone"):
        explain_again(copy)


@pytest.mark.parametrize(
    ("place", "node", "seen_twice", "samples"),
    [("client", CLIENT, 0, False), ("server", SERVER, 1, True), ("between", "capture", 0, False)],
)
def test_what_is_measured_depends_on_where_the_capture_was_made(
    tmp_path, place, node, seen_twice, samples
):
    run = explain_captures([write_download(tmp_path / "capture.pcap", place)], tmp_path / "r").run
    tcp = run.table("packets").filter(pl.col("protocol") == "tcp")
    assert tcp["node"].unique().to_list() == [node]
    assert run.table("resent").height == seen_twice
    assert (run.table("rtt").height > 0) is samples
    again = run.metrics["flows"]["connection 1"]["retransmissions"]
    assert again == (1 if place == "server" else None)


def test_captures_of_one_name_are_kept_apart(tmp_path):
    (tmp_path / "other").mkdir()
    paths = [
        write_download(tmp_path / name, port=port)
        for name, port in (("t.pcap", 40_001), ("other/t.pcap", 40_002))
    ]
    explained = explain_captures(paths, tmp_path / "results")
    assert explained.run.table("packets")["capture"].unique().sort().to_list() == ["t", "t-2"]
    assert explained.run.table("connections").height == 2


def test_what_is_no_capture_is_refused(tmp_path, capsys):
    text = tmp_path / "notes.pcap"
    text.write_text("this is no capture at all")
    with pytest.raises(DataError, match=re.escape(f"{text} is no capture")):
        explain_captures([text], tmp_path / "results")
    assert not list((tmp_path / "results").rglob("*.*"))
    for wrong in (tmp_path, tmp_path / "absent.pcap"):
        with pytest.raises(SpecError):
            explain_captures([wrong], tmp_path / "results")
    assert main(["explain", str(tmp_path / "absent.pcap")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_a_capture_without_packets_has_a_page_that_says_so(tmp_path):
    path = tmp_path / "nothing.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    explained = explain_captures([path], tmp_path / "results")
    assert explained.run.table("connections").height == 0
    assert "There are no packets." in explained.report.read_text(encoding="utf-8")


def test_a_folder_with_something_else_in_it_is_not_touched(made, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(SpecError, match="no explained capture"):
        explain_captures([made[0]], tmp_path, out=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_the_command_says_where_the_page_is(made, tmp_path, capsys):
    assert main(["explain", str(made[0]), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "report.html")
    assert json.loads((tmp_path / "out/raw/captures.json").read_text())["files"][0]["bytes"] > 0
