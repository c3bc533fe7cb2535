"""The packet list as a reader uses it, in headless Chromium, on a run of real captures: 250 packets
of a lossy path at two hosts, cut off by snaplen in the middle of the payload.
"""

from __future__ import annotations

import subprocess

import pytest

from tcpexp.analysis.derive import derive_tables
from tcpexp.checks.base import Evidence, Verdict
from tcpexp.checks.run import write_checks
from tcpexp.ingest.ingest import ingest_run
from tcpexp.ingest.pcap import read_records
from tcpexp.report.packets.fields import FIELDS
from tcpexp.report.page.write import write_report
from tcpexp.store.rundata import RunData
from tests.support.browsers import find_browser
from tests.support.lossy_run import make_lossy_run

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunData:
    run = ingest_run(make_lossy_run(tmp_path_factory.mktemp("lossy")))
    derive_tables(run)
    evidence = Evidence("the first packets", "h2-eth0", (9, 12), None, None)
    write_checks(run.path, [Verdict("x", "x", "FAIL", "1", "2", "Why.", None, (evidence,))])
    write_report(run)
    return run


@pytest.fixture(scope="module")
def shared(run):
    """One page for all tests; each leaves no filter behind."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto((run.path / "report.html").as_uri() + "#packets?filter=lost")
        page.wait_for_selector("#packets[data-ready=yes]")
        page.wait_for_selector("#panels[data-drawn=all]")
        yield page
        chromium.close()


@pytest.fixture
def page(shared):
    shared.evaluate(
        "(() => { const list = tcpexp.packetList; list.show('list'); list.open(null);"
        " list.choose(list.run.captures[0]); list.setFilter(''); tcpexp.group.pin(null);"
        " tcpexp.group.reset(); list.place = -1; list.refresh(); })()"
    )
    yield shared
    assert shared.said == []


def numbers(page, text: str, capture: str = "h1-eth0") -> list[int]:
    """Return the frame numbers that a filter lets through."""
    return page.evaluate(
        """([text, name]) => {
          const { run, group } = tcpexp.packetList;
          const capture = run.capture(name);
          const filter = tcpexp.parseFilter(text, run);
          const rows = tcpexp.filtered(filter, capture, { range: group.range });
          return [...rows].map((place) => capture.column("number")[place]);
        }""",
        [text, capture],
    )


def wrong(page, text: str) -> dict:
    """Return what is said about a filter that cannot be read."""
    return page.evaluate(
        """(text) => {
          try { tcpexp.parseFilter(text, tcpexp.packetList.run); }
          catch ({ message, at, end, suggestion }) {
            return { said: message, at, end, instead: suggestion };
          }
          return null;
        }""",
        text,
    )


def test_the_address_keeps_the_filter(shared):
    assert shared.input_value("#packet-filter") == "lost"


#: Filters that mean the same to tshark, word by word. (Of an ICMP message it also sees the
#: addresses in the packet that the message quotes.)
SAME = (
    "tcp.flags.syn == 1 and tcp.flags.ack == 0 || tcp.flags.fin == 1",
    "ip.addr == 10.0.1.1 && tcp.len == 0",
    "ip.addr == 10.0.2.0/24 and frame.number > 20",
    "ip.src != 10.0.1.1 and not icmp",
    "!(ip.src == 10.0.1.1) and !icmp and not tcp.flags.push == 1",
    "tcp.srcport == 5201 or tcp.dstport == 80",
    "tcp.len >= 1448 and not tcp.analysis.retransmission",
    "tcp.seq > 100000 and tcp.seq <= 200000",
    "tcp.ack > 1 and tcp.ack < 50000 or tcp.nxtseq > 200000",
    "tcp.window_size < 65000",
    "tcp.window_size_value > 500 and tcp.stream == 0",
    "frame.number in {1..20} and ip",
    "frame.len > 1000",
    "tcp.flags == 0x012 or tcp.flags & 0x02",
    "tcp.analysis.retransmission",
    "tcp.analysis.duplicate_ack or tcp.analysis.lost_segment",
    "tcp.analysis.flags",
    "tcp.analysis.ack_rtt > 0.02",
    "tcp.analysis.bytes_in_flight > 20000",
    "tcp.options.mss_val == 1460 and tcp.options.wscale.shift",
    "tcp.options.sack.count >= 1",
    "tcp.options.timestamp.tsval",
    "ip.ttl < 64 or ip.id == 0",
    "udp or ipv6 or arp or icmp",
)


def test_as_many_packets_as_tshark_finds(page, run):
    """tshark counts for all filters in one pass over the capture."""
    statistics = ",".join(("io,stat,0", *SAME))
    capture = run.path / "raw" / "h1-eth0.pcap"
    options = ["-o", "tcp.desegment_tcp_streams:FALSE", "-q", "-z", statistics]
    done = subprocess.run(
        ["tshark", "-n", "-r", capture, *options], capture_output=True, text=True, check=True
    )
    cells = next(line for line in done.stdout.splitlines() if "<>" in line)
    counts = [int(cell) for cell in cells.split("|")[2::2] if cell.strip()]
    ours = {text: len(numbers(page, text)) for text in SAME}
    assert ours == dict(zip(SAME, counts, strict=True))
    assert sum(count > 0 for count in counts) > 20


def test_every_field_can_be_asked_for(page):
    for field in FIELDS:
        for name in field.names:
            if field.kind in ("number", "port", "time"):
                numbers(page, f"{name} >= 0 and {name} in {{0..1}}")
            numbers(page, f"{name} or not {name}")
        if field.example and field.columns != ("flow",):
            numbers(page, field.example)


def test_words_of_our_own(page, run):
    packets = run.table("packets").filter(capture="h1-eth0")
    data = packets.filter(packets["payload_bytes"] > 0)["number"].to_list()
    lost = run.table("journeys").filter(sent_capture="h1-eth0", copies=0)["sent_number"].sort()
    resent = run.table("resent").filter(capture="h1-eth0")["number"].sort()
    assert numbers(page, "flow == bulk") == packets.filter(flow="bulk")["number"].to_list()
    assert numbers(page, "src == h1 and len > 0") == data
    assert numbers(page, "lost") == numbers(page, "fate == lost") == lost.to_list() != []
    assert numbers(page, "resent") == resent.to_list() != []
    assert numbers(page, 'label == "Dup ACK"') == numbers(page, "tcp.analysis.duplicate_ack") != []
    syns = packets.filter(packets["flags"] == "S")["number"].to_list()
    assert numbers(page, "syn and not ack") == syns != []
    answers = packets.filter(packets["flags"] == "SA")["number"].to_list()
    assert numbers(page, "syn ack") == answers != []
    assert numbers(page, "syn 5201 10.0.1.1") == [3, 4, 8, 9]
    assert numbers(page, "time < 20ms") == numbers(page, "frame.time_relative < 0.02")
    assert numbers(page, "frame.number in {5 7 9..11}") == [5, 7, 9, 10, 11]
    assert numbers(page, "") == packets["number"].to_list()


def test_round_trip_times_and_delays_are_the_tables(page, run):
    ours = page.evaluate(
        "['rtt', 'delay', 'seq_raw', 'ack_raw', 'field', 'frame'].map((name) =>"
        " [...tcpexp.packetList.run.capture('h2-eth0').column(name)])"
    )
    packets = run.table("packets").filter(capture="h2-eth0")
    rtt = packets["rtt_ns"].fill_null(-(10**9)).to_list()
    assert [round(value * 1e9) for value in ours[0]] == pytest.approx(rtt, abs=1)
    arrived = run.table("journeys").filter(received_capture="h2-eth0")
    delays = dict(zip(arrived["received_number"], arrived["delay_ns"], strict=True))
    known = dict(zip(packets["number"], ours[1], strict=True))
    assert all(
        known[number] * 1e9 == pytest.approx(delay, abs=1) for number, delay in delays.items()
    )
    for values, name in zip(ours[2:], ("seq", "ack", "window", "frame_bytes"), strict=True):
        assert values == packets[name].fill_null(-1).to_list(), name


#: What is wrong, where it begins, and a part of what is said and of what is proposed.
WRONG = (
    ("tcp.flag.syn", 0, "did you mean tcp.flags.syn?", "tcp.flags.syn"),
    ("tcp.len >", 8, "a value is missing", None),
    ("tcp.len > x", 10, "a number", None),
    ("(syn", 0, "never closed", "(syn)"),
    ("syn)", 3, "closes nothing", "syn"),
    ("syn and", 7, "missing at the end", None),
    ("frame.number in 5", 16, "braces", None),
    ('label == "Dup', 9, "closing quotation mark", 'label == "Dup"'),
    ('label == "Retransmision"', 9, "did you mean Retransmission?", "label == Retransmission"),
    ("flow == blk", 8, "there is bulk", "flow == bulk"),
    ("src == h3", 7, "there are h1, r, h2", "src == h1"),
    ("tcp.len == 5ms", 11, "a number", None),
    ("tcp.flags.syn > 1", 14, "is a flag", None),
    ("syn # 3", 4, "means nothing", None),
)


def test_errors_say_where_and_what_instead(page):
    for text, at, said, instead in WRONG:
        error = wrong(page, text)
        assert error is not None, text
        assert (error["at"], error["instead"]) == (at, instead), (text, error)
        assert said in error["said"], (text, error)


def test_an_error_is_shown_while_typing_and_its_suggestion_is_taken(page):
    page.fill("#packet-filter", "tcp.flag.syn and ip.addr == 10.0.1.1")
    page.wait_for_selector("#filter-said mark")
    assert page.inner_text("#filter-said mark") == "tcp.flag.syn"
    assert page.get_attribute("#packet-filter", "aria-invalid") == "true"
    page.click("#filter-said button")
    assert page.input_value("#packet-filter") == "tcp.flags.syn and ip.addr == 10.0.1.1"
    assert page.inner_text("#filter-said") == ""
    shown = len(numbers(page, "syn"))
    assert f"{shown} of " in page.inner_text(".packet-top output")
    assert "filter=tcp.flags.syn" in page.url


def test_every_header_is_the_captures_bytes(page, run):
    for capture in ("h1-eth0", "h2-eth0"):
        ours = page.evaluate(
            """(name) => {
              const capture = tcpexp.packetList.run.capture(name);
              const bytes = (_, place) => [...tcpexp.headersOf(capture, place).bytes];
              return Array.from({ length: capture.count }, bytes);
            }""",
            capture,
        )
        (records,) = read_records(run.path / "raw" / f"{capture}.pcap")
        for at, header in zip(records.at, ours, strict=True):
            assert header == records.data[at : at + len(header)].tolist()
            assert len(header) >= 42


def test_a_header_is_in_words(page):
    first = numbers(page, "syn")[0]
    page.evaluate(f"tcpexp.packetList.jump('h1-eth0', {first})")
    page.keyboard.press("Enter")
    words = page.inner_text(".packet-detail")
    for part in ("Maximum Segment Size", "1,460 bytes", "SYN", "SACK Permitted", "Window Scale"):
        assert part in words
    assert "Ethernet" in words
    page.keyboard.press("Enter")
    assert page.is_hidden(".packet-detail")


def test_keys_move_the_selection_and_pin_it_in_the_panels(page):
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "packet-filter"
    page.keyboard.type("tcp.len > 0")
    page.keyboard.press("Enter")
    data = numbers(page, "tcp.len > 0")
    page.wait_for_function("n => tcpexp.packetList.rows.length === n", arg=len(data))
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    seen = page.evaluate("tcpexp.packetList.grid.seen")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowUp")
    chosen = page.evaluate("tcpexp.packetList.capture.column('number')[tcpexp.packetList.place]")
    assert chosen == data[seen]
    page.wait_for_function(
        "n => tcpexp.group.packetOf(tcpexp.group.pinned)?.number === n", arg=chosen
    )
    pinned = page.evaluate("tcpexp.group.packetOf(tcpexp.group.pinned)")
    assert (pinned["capture"], pinned["number"]) == ("h1-eth0", chosen)
    active = page.get_attribute(".packet-grid", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true"
    page.keyboard.press("End")
    assert page.evaluate("tcpexp.packetList.grid.at") == len(data) - 1


def test_a_packet_pinned_in_the_panels_is_selected_here(page):
    assert page.evaluate("tcpexp.group.pinPacket('h1-eth0', 40)")
    assert page.evaluate("tcpexp.packetList.place") == 39
    assert page.get_attribute("#packet-39", "aria-selected") == "true"


def test_the_packets_of_evidence_lead_here(page):
    page.locator(".evidence a", has_text="12").click()
    chosen = "tcpexp.packetList.capture.column('number')[tcpexp.packetList.place]"
    page.wait_for_function(f"{chosen} === 12")
    assert page.evaluate("tcpexp.packetList.capture.name") == "h2-eth0"
    assert "capture=h2-eth0&packet=12" in page.url


def test_from_the_list_to_the_panels_and_back(page):
    page.evaluate("tcpexp.packetList.jump('h1-eth0', 30)")
    page.get_by_role("button", name="Show in the panels").click()
    pinned = page.evaluate("tcpexp.group.packetOf(tcpexp.group.pinned)")
    assert (pinned["capture"], pinned["number"]) == ("h1-eth0", 30)
    page.get_by_role("button", name="Show in the list").click()
    page.wait_for_function("document.activeElement === tcpexp.packetList.grid.element")
    assert page.evaluate("tcpexp.packetList.place") == 29


def test_only_rows_in_sight_are_in_the_document(page, run):
    rows = page.locator(".packet-body .packet-row:visible").count()
    assert 5 < rows < 40 < run.table("packets").filter(capture="h1-eth0").height


LONG = """(at) => {
  const { grid, capture } = tcpexp.packetList;
  grid.show(capture, Int32Array.from({ length: 600000 }, (_, i) => i % capture.count), -1);
  grid.at = at;
  grid.reveal();
  grid.draw();
  const box = grid.body.getBoundingClientRect();
  const row = document.getElementById(`packet-${at}`).getBoundingClientRect();
  return [row.top - box.top, row.bottom - box.top, box.height];
}"""


def test_a_list_longer_than_a_browser_can_scroll_shows_every_row(page):
    for at in (0, 7, 123_456, 300_001, 599_998, 599_999, 2):
        top, bottom, height = page.evaluate(LONG, at)
        assert -1 <= top < bottom <= height + 1, at
    page.evaluate("tcpexp.packetList.grid.body.scrollTop = 0; tcpexp.packetList.refresh()")


def test_in_view_follows_the_panels(page):
    page.get_by_role("button", name="in view").click()
    page.evaluate("tcpexp.group.zoom(0.849, 0.852)")
    page.wait_for_timeout(150)
    wanted = numbers(page, "time >= 0.849 and time <= 0.852")
    assert page.evaluate("tcpexp.packetList.rows.length") == len(wanted) > 0


def test_conversations_and_expert_lead_to_packets(page):
    page.get_by_role("tab", name="Conversations").click()
    assert "h1:44244 ↔ h2:5201" in page.inner_text(".talks tbody")
    page.get_by_role("tab", name="Expert summary").click()
    page.locator(".expert tbody tr", has_text="Duplicate ACK").get_by_role("button").nth(1).click()
    first = numbers(page, "tcp.analysis.duplicate_ack")[0]
    assert (
        page.evaluate("tcpexp.packetList.capture.column('number')[tcpexp.packetList.place]")
        == first
    )


def test_a_stream_is_what_was_sent(page):
    first = numbers(page, "flow == bulk and tcp.len > 0")[0]
    page.evaluate(f"tcpexp.packetList.jump('h1-eth0', {first})")
    page.get_by_role("button", name="Follow stream").click()
    words = page.inner_text(".packet-detail")
    assert "client → server" in words
    assert "Not on this page: " in words
    page.get_by_label("Show as").select_option("hex")
    assert "       1  78 78 78 78 78" in page.inner_text(".followed")


def test_on_a_phone_rows_have_two_lines(shared, page):
    page.set_viewport_size({"width": 420, "height": 860})
    try:
        page.evaluate("tcpexp.packetList.refresh()")
        assert page.locator(".packet-body .packet-row").first.bounding_box()["height"] == 46
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
    finally:
        page.set_viewport_size({"width": 1200, "height": 900})
