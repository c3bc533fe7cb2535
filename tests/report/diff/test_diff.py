"""Two runs compared: byte-equal captures said first, what differs by path, the page, the terminal
and exit codes.
"""

import io
import json
import shutil
import struct
from pathlib import Path

import pytest
from rich.console import Console

from tcpexp.checks.run import write_checks
from tcpexp.cli.main import main
from tcpexp.report.diff.captures import (
    compare_captures,
    first_difference,
    packet_at,
)
from tcpexp.report.diff.compare import compare_runs, to_json_value
from tcpexp.report.diff.page import write_diff_page
from tcpexp.report.diff.terminal import print_comparison
from tcpexp.report.page.embed import page_policy
from tcpexp.store.rundata import RunData
from tests.support.fake_run import shared_bottleneck
from tests.support.folders import RECORDED
from tests.support.report_values import CERTIFICATE, MANIFEST, METRICS, VERDICTS, Page

CAPTURE = RECORDED / "tcpdump-4.99-lossy-h1-eth0.pcap"
SPEC = "name: bbr_vs_cubic\nseed: {seed}\nlinks:\n  h1-h2: {{queue: {queue}}}\n"


def packets_of(path):
    """Return (offset of the record's header, time in ns) of each packet of a capture."""
    data, position, found = path.read_bytes(), 24, []
    while position < len(data):
        seconds, nanoseconds, length = struct.unpack_from("<III", data, position)
        found.append((position, seconds * 10**9 + nanoseconds))
        position += 16 + length
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "one"
    shared_bottleneck(path, 4, metrics=METRICS, certificate=CERTIFICATE, manifest=MANIFEST)
    write_checks(path, VERDICTS)
    (path / "spec.yaml").write_text(SPEC.format(seed=7, queue="1bdp"))
    shutil.copy(CAPTURE, path / "raw/h1-eth0.pcap")
    return path


@pytest.fixture
def pair(made, tmp_path):
    """Two runs that are the same."""
    for name in ("one", "other"):
        shutil.copytree(made, tmp_path / name)
    return tmp_path / "one", tmp_path / "other"


def change_json(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_runs_that_are_the_same_say_so_first(pair, capsys):
    assert main(["diff", *map(str, pair), "--no-page"]) == 0
    out = capsys.readouterr().out
    assert "The same packets: the captures of both runs are equal byte for byte" in " ".join(
        out.split()
    )
    assert (
        "verdicts: the same (4)" in out and "metrics: the same" in out and "spec: the same" in out
    )


def test_one_byte_of_one_packet_is_found(pair):
    a, b = pair
    target = b / "raw/h1-eth0.pcap"
    offset, time_ns = packets_of(target)[41]
    data = bytearray(target.read_bytes())
    data[offset + 16 + 30] ^= 1
    target.write_bytes(data)
    (match,) = compare_captures(a, b, packets_of(target)[0][1])
    assert (match.result, match.first, match.first_ns) == (
        "differs",
        42,
        time_ns - packets_of(target)[0][1],
    )
    comparison = compare_runs(RunData(a), RunData(b))
    assert not comparison.same and "differs from packet 42" in comparison.headline()
    assert main(["diff", str(a), str(b), "--no-page"]) == 1


def test_a_capture_that_goes_on_or_is_absent(pair):
    a, b = pair
    whole = (a / "raw/h1-eth0.pcap").read_bytes()
    last = packets_of(a / "raw/h1-eth0.pcap")[-1][0]
    (b / "raw/h1-eth0.pcap").write_bytes(whole[:last])
    assert first_difference(a / "raw/h1-eth0.pcap", b / "raw/h1-eth0.pcap") == last
    assert compare_captures(a, b)[0].first == len(packets_of(a / "raw/h1-eth0.pcap"))
    assert compare_captures(b, a)[0].first is None
    (b / "raw/h1-eth0.pcap").unlink()
    assert compare_captures(a, b)[0].result == "only in A"
    (a / "raw/h1-eth0.pcap").unlink()
    assert compare_runs(RunData(a), RunData(b)).same_packets is None


def test_a_file_that_is_no_capture_has_no_packets(tmp_path):
    (tmp_path / "x.pcap").write_bytes(b"no capture at all, but long enough to be one")
    assert packet_at(tmp_path / "x.pcap", 30) == (None, None)


def test_what_differs_is_listed_by_path(pair):
    a, b = pair
    (b / "spec.yaml").write_text(SPEC.format(seed=7, queue="4bdp"))
    change_json(b / "manifest.json", lambda value: value["versions"].update(kernel="6.12.1"))
    change_json(b / "certificate.json", lambda value: value.update(verdict="VALID", reasons=[]))
    change_json(
        b / "metrics.json",
        lambda value: value["flows"]["cubic"].update(retransmissions=18, share=0.3501),
    )
    write_checks(b, [*VERDICTS[1:]])
    comparison = compare_runs(RunData(a), RunData(b))
    assert [
        (difference.path, difference.before, difference.after) for difference in comparison.spec
    ] == [("links.h1-h2.queue", "1bdp", "4bdp")]
    assert [difference.path for difference in comparison.environment] == ["versions.kernel"]
    assert "verdict" in [difference.path for difference in comparison.certificate]
    assert [difference.path for difference in comparison.measured(0.01)] == [
        "flows.cubic.retransmissions"
    ]
    assert comparison.measured(0.01)[0].change == pytest.approx(0.5)
    assert {difference.path for difference in comparison.measured(0.0)} == {
        "flows.cubic.retransmissions",
        "flows.cubic.share",
    }
    assert [verdict.title for verdict in comparison.verdicts if verdict.differs] == [
        "share of flow bbr"
    ]
    assert comparison.same_packets and not comparison.same


def test_other_kernels_are_said_first(pair):
    a, b = pair
    for path, name, digest in ((a, "debian-6.1", "1" * 64), (b, "debian-7.3", "7" * 64)):
        facts = {"kernel_sha256": digest, "host": {"kernel_name": name}}
        change_json(path / "manifest.json", lambda value, facts=facts: value.update(facts))
    comparison = compare_runs(RunData(a), RunData(b))
    words = "Other kernels: debian-6.1 (Linux 6.1.0-44, 111111111111) in A, debian-7.3 (Linux"
    assert comparison.headline().startswith(words)
    assert comparison.headline().endswith(
        "The same packets: the captures of both runs are equal byte for byte (h1-eth0)."
    )
    assert to_json_value(comparison, 0.01)["kernels"] == comparison.kernels
    page = write_diff_page(comparison, b.parent / "page.html", 0.01).read_text()
    assert "<td>debian-7.3 (Linux 6.1.0-44, 777777777777)</td>" in page


def test_overrides_of_the_command_line_are_part_of_the_spec(pair):
    a, b = pair
    change_json(
        b / "manifest.json",
        lambda value: value.update(
            command=["tcpexp", "run", "x", "--set", "links.h1-h2.queue=2bdp", "--set=seed=9"]
        ),
    )
    assert {
        difference.path: difference.after
        for difference in compare_runs(RunData(a), RunData(b)).spec
    } == {
        "links.h1-h2.queue": "2bdp",
        "seed": 9,
    }


def test_the_page_holds_all_of_it_and_needs_nothing(pair):
    a, b = pair
    change_json(
        b / "metrics.json", lambda value: value["flows"]["cubic"].update(retransmissions=18)
    )
    (b / "spec.yaml").write_text(SPEC.format(seed=7, queue="<b>4bdp</b>"))
    comparison = compare_runs(RunData(a), RunData(b))
    path = write_diff_page(comparison, b.parent / "page.html", 0.01)
    page = Page(path.read_text())
    text = " ".join(page.text.split())
    assert page.open == [] and not {"link", "iframe", "b"} & set(page.tags)
    for words in (
        "The same packets",
        "links.h1-h2.queue",
        "<b>4bdp</b>",
        "flows.cubic.retransmissions",
        "+50.0 %",
        "Goodput",
        "Congestion window",
    ):
        assert words in text
    names = {value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"}
    assert names == {"Goodput", "Congestion window", "Round-trip time", "Sequence numbers"}
    assert ("meta", "content", page_policy()) in page.attributes
    assert (
        path.read_bytes() == write_diff_page(comparison, b.parent / "again.html", 0.01).read_bytes()
    )


def test_a_flow_that_one_run_lacks_is_drawn_alone(pair):
    from tcpexp.report.diff.figures import LOOKS, drawn_overlays

    a, b = pair
    change_json(
        b / "plan.json",
        lambda value: value.update(
            flows=[flow for flow in value["flows"] if flow["name"] == "cubic"]
        ),
    )
    runs = {"A": RunData(a), "B": RunData(b)}
    figures = {overlay.name: figure for overlay, figure in drawn_overlays(runs, LOOKS)}
    assert len(figures["cwnd"].axes) == 2
    labels = [
        [line.get_label() for line in axes.lines if line.get_label() in "AB"]
        for axes in figures["cwnd"].axes
    ]
    assert sorted(labels, key=len) == [["A"], ["A", "B"]]


def test_the_command_line(pair, capsys):
    a, b = pair
    assert main(["diff", str(a), str(b), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (
        value["same"] is True
        and value["same_packets"] is True
        and Path(value["page"]) == b.parent / f"diff-{a.name}-{b.name}.html"
    )
    assert Path(value["page"]).is_file()
    assert main(["diff", str(a), str(b.parent / "absent")]) == 2
    assert main(["diff", str(a), str(b), "--threshold", "much"]) == 2
    out = b.parent / "mine.html"
    assert main(["diff", str(a), str(b), "--out", str(out)]) == 0 and out.is_file()


def test_json_and_terminal_agree(pair):
    a, b = pair
    change_json(
        b / "metrics.json",
        lambda value: value["flows"]["cubic"].update(retransmissions=18, share=0.3501),
    )
    comparison = compare_runs(RunData(a), RunData(b))
    value = to_json_value(comparison, 0.01)
    assert [metric["path"] for metric in value["metrics"]] == [
        "flows.cubic.retransmissions"
    ] and value["metrics_differing"] == 2
    out = io.StringIO()
    print_comparison(comparison, 0.01, Console(file=out, width=120, highlight=False))
    assert (
        "flows.cubic.retransmissions" in out.getvalue()
        and "1 more metrics changed by at most 1 %" in out.getvalue()
    )
