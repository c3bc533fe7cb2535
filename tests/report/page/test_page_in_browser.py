"""The report as a reader opens it: in headless Chromium, from a file, with a run whose tables hold
enough packets to down-sample.

Screenshots (light, dark, print) are kept under ``$TCPEXP_SCREENSHOTS`` where that names a folder.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tcpexp.analysis.metrics import measure_run
from tcpexp.checks.base import Evidence, Verdict
from tcpexp.checks.run import write_checks
from tcpexp.plots.run import plot_run
from tcpexp.report.diff.compare import compare_runs
from tcpexp.report.diff.page import write_diff_page
from tcpexp.report.page.write import write_report
from tcpexp.report.panels.pages import panel_pages
from tcpexp.store.rundata import RunData
from tests.support.browsers import find_browser
from tests.support.fake_run import shared_bottleneck

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PLOTS = ({"throughput": {}}, {"sequence": {}}, {"rtt_cdf": {}})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunData:
    run = shared_bottleneck(tmp_path_factory.mktemp("run"), 12, PLOTS)
    measure_run(run)
    plot_run(run)
    evidence = Evidence(
        f"the first loss of {'0123456789abcdef' * 4}", "h1-eth0", (5,), 4 * 10**9, 6 * 10**9
    )
    write_checks(
        run.path,
        [
            Verdict(
                "goodput",
                "goodput of flow cubic",
                "FAIL",
                "8.1 Mbit/s",
                "at least 8.5 Mbit/s",
                "Too slow.",
                None,
                (evidence,),
            )
        ],
    )
    write_report(run)
    return run


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Opened:
    """A page that was opened from a file: what it logged, and what it asked for."""

    def __init__(self, browser, path: Path, **options) -> None:
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, **options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector("#panels[data-ready=yes]")
            self.page.wait_for_selector("#panels[data-drawn=all]")

    def do(self, script: str):
        return self.page.evaluate(script)

    def draw_all(self) -> None:
        """Draw every panel as if it were scrolled to."""
        self.do("tcpexp.group.panels.forEach((panel) => panel.show())")

    @property
    def range(self) -> list[float]:
        return self.do("tcpexp.group.range")

    def keep(self, name: str) -> None:
        folder = os.environ.get("TCPEXP_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.fixture(scope="module")
def shared(run, browser):
    """One page for all tests that leave it as they found it."""
    opened = Opened(browser, run.path / "report.html")
    yield opened
    opened.context.close()


@pytest.fixture
def opened(shared):
    shared.do(
        "tcpexp.group.reset(); tcpexp.group.pin(null); tcpexp.group.history.length = 0;"
        " scrollTo(0, 0)"
    )
    yield shared
    assert shared.said == []
    assert len(shared.asked) == 1  # the page itself


def place(opened, panel: str, part: float) -> tuple[float, float]:
    element = opened.page.locator(f"#panel-{panel} .u-over")
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    return box["x"] + box["width"] * part, box["y"] + box["height"] / 2


def test_it_opens_without_error_or_request(opened):
    opened.keep("light")
    assert opened.range == [0, 12]
    assert (
        opened.page.locator("section.panel").count()
        == opened.do("tcpexp.group.info.panels.length")
        >= 8
    )


def test_dragging_across_one_panel_zooms_all(opened):
    x, y = place(opened, "rtt", 0.25)
    end, _ = place(opened, "rtt", 0.5)
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(end, y, steps=5)
    opened.page.mouse.up()
    opened.draw_all()
    scales = opened.do(
        "tcpexp.group.panels.map((panel) => [panel.plot.scales.x.min, panel.plot.scales.x.max])"
    )
    assert all(scale == scales[0] for scale in scales)
    assert scales[0] == pytest.approx([3, 6], abs=0.05)
    opened.page.mouse.dblclick(x, y)
    assert opened.range == [0, 12]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("+", [3, 9]),
        ("+ ArrowRight", [4.2, 10.2]),
        ("+ ArrowLeft", [1.8, 7.8]),
        ("+ + -", [3, 9]),
        ("+ 0", [0, 12]),
        ("+ Backspace", [0, 12]),
    ],
)
def test_keys(opened, keys, expected):
    for key in keys.split():
        opened.page.keyboard.press(key)
    assert opened.range == pytest.approx(expected)
    opened.draw_all()
    assert opened.do(
        "tcpexp.group.panels.every((panel) => panel.plot.scales.x.min === tcpexp.group.range[0])"
    )


def test_a_point_under_the_pointer_names_its_packet(opened, run):
    opened.do("tcpexp.group.zoom(5, 5.05)")
    opened.page.locator("#panel-sequence .u-over").scroll_into_view_if_needed()
    opened.draw_all()
    where = opened.do("""() => {
        const panel = tcpexp.group.panels[0];
        const layer = panel.layers().find((each) => each.label === "data");
        const found = tcpexp.group.data.points(layer);
        const i = tcpexp.firstAtLeast(found.x, 5.02);
        const box = panel.plot.over.getBoundingClientRect();
        const table = tcpexp.group.data;
        const y = box.top + panel.plot.valToPos((found.y[i] + found.y2[i]) / 2, "y");
        const number = table.column(layer.table, "number")[found.row[i]];
        return { x: box.left + panel.plot.valToPos(found.x[i], "x"), y, number };
    }""")
    opened.page.mouse.move(where["x"], where["y"])
    said = " ".join(opened.page.locator(".tip").inner_text().split())
    (packet,) = (
        run.table("packets").filter(run.table("packets")["number"] == where["number"]).to_dicts()
    )
    assert f"#{packet['number']} h1-eth0, {packet['t_ns'] / 1e9:.9f} s" in said
    assert (
        f"seq {packet['seq_rel']:,} to {packet['seq_rel'] + 1448:,}" in said
        and "len 1,448 bytes" in said
        and "flags ACK" in said
    )
    opened.page.mouse.click(where["x"], where["y"])
    assert (
        f"wireshark -g {packet['number']} raw/h1-eth0.pcap"
        in opened.page.locator(".pinned").inner_text()
    )


def test_packets_can_be_stepped_through_with_the_keyboard(opened):
    for _ in range(3):
        opened.page.keyboard.press("n")
    third = opened.do("tcpexp.group.pinned.row")
    opened.page.keyboard.press("p")
    assert opened.do("tcpexp.group.pinned.row") < third
    opened.page.keyboard.press("Escape")
    assert opened.do("tcpexp.group.pinned") is None


def test_evidence_leads_to_its_time_in_the_panels(opened):
    opened.page.get_by_role("button", name="show in the panels").click()
    assert opened.range == pytest.approx([3.7, 6.3])


def test_a_box_in_the_time_sequence_graph_zooms_in_height_too(opened):
    x, y = place(opened, "sequence", 0.3)
    before = opened.do(
        "[tcpexp.group.panels[0].plot.scales.y.min, tcpexp.group.panels[0].plot.scales.y.max]"
    )
    opened.page.mouse.move(x, y - 60)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 200, y + 60, steps=5)
    opened.page.mouse.up()
    low, high = opened.do(
        "[tcpexp.group.panels[0].plot.scales.y.min, tcpexp.group.panels[0].plot.scales.y.max]"
    )
    assert before[0] < low < high < before[1]
    opened.page.keyboard.press("0")
    assert opened.do("tcpexp.group.panels[0].plot.scales.y.max") == before[1]


RTT = "tcpexp.group.panels.find((panel) => panel.info.id === 'rtt')"
HEIGHT = f"[{RTT}.plot.scales.y.min, {RTT}.plot.scales.y.max]"


def test_the_vertical_axis_follows_the_zoom_unless_it_is_locked(opened):
    whole = opened.do(HEIGHT)
    lock = opened.page.locator("#panel-rtt .lock")
    lock.focus()
    opened.page.keyboard.press("Enter")
    opened.do("tcpexp.group.zoom(0.2, 0.4)")
    opened.draw_all()
    assert opened.do(HEIGHT) == whole and lock.get_attribute("aria-pressed") == "true"
    opened.page.keyboard.press("l")
    assert opened.do(HEIGHT) != whole and lock.get_attribute("aria-pressed") == "false"


def test_one_cursor_reads_every_panel_at_the_same_time(opened):
    opened.draw_all()
    x, y = place(opened, "cwnd", 0.5)
    opened.page.mouse.move(x, y)
    said = {
        panel: " ".join(opened.page.locator(f"#panel-{panel} .values").inner_text().split())
        for panel in ("cwnd", "rtt", "throughput")
    }
    assert "cubic cwnd" in said["cwnd"] and "segments" in said["cwnd"]
    assert "bbr RTT samples" in said["rtt"] and "bottleneck" not in said["rtt"]
    assert "bit/s" in said["throughput"]
    lines = (
        "tcpexp.group.panels.filter((panel) => panel.near).map((panel) => panel.plot.cursor.left)"
    )
    assert len(set(map(round, opened.do(lines)))) == 1
    opened.page.mouse.move(0, 0)
    assert opened.page.locator("#panel-cwnd .values").inner_text() == ""


def test_a_pinned_packet_keeps_the_cursor_in_all_panels(opened):
    opened.draw_all()
    shown = "document.querySelector('#panel-throughput .values').textContent !== ''"
    opened.page.keyboard.press("n")
    opened.page.wait_for_function(shown)
    opened.page.keyboard.press("Escape")
    opened.page.wait_for_function(f"!({shown})")


def test_the_strip_is_dragged_and_its_ends_are_moved(opened):
    opened.page.locator(".overview").scroll_into_view_if_needed()
    end = opened.page.locator(".overview .to").bounding_box()
    strip = opened.page.locator(".overview").bounding_box()
    middle = strip["y"] + strip["height"] / 2
    opened.page.mouse.move(end["x"] + end["width"] / 2, middle)
    opened.page.mouse.down()
    opened.page.mouse.move(strip["x"] + strip["width"] / 2, middle, steps=3)
    opened.page.mouse.up()
    assert opened.range == pytest.approx([0, 6], abs=0.2)
    opened.page.mouse.move(strip["x"] + strip["width"] / 4, middle)
    opened.page.mouse.down()
    opened.page.mouse.move(strip["x"] + strip["width"] / 2, middle, steps=3)
    opened.page.mouse.up()
    assert opened.range == pytest.approx([3, 9], abs=0.2)
    before = opened.range
    opened.page.locator(".overview .from").focus()
    opened.page.keyboard.press("ArrowRight")
    assert opened.range == pytest.approx([before[0] + 0.24, before[1]])


def test_layers_flows_and_connections_can_be_switched(opened):
    drawn = (
        "tcpexp.group.panels.find((panel) => panel.info.id === 'cwnd').layers().map((layer) =>"
        " layer.flow + ' ' + layer.label)"
    )
    before = opened.do(drawn)
    flow = opened.page.locator(".toolbar .toggle", has_text="cubic")
    flow.click()
    assert opened.do(drawn) == [line for line in before if not line.startswith("cubic ")]
    flow.click()
    layer = opened.page.locator("#panel-cwnd .toggle", has_text="ssthresh")
    layer.click()
    assert opened.do(drawn) == [line for line in before if not line.endswith("ssthresh")]
    layer.click()
    assert opened.do(drawn) == before
    tables = "[...new Set(tcpexp.group.panels[0].layers().map((layer) => layer.connection))]"
    (first,) = opened.do(tables)
    opened.page.locator(".choice select").select_option(index=1)
    assert opened.do(tables) != [first]
    opened.page.locator(".choice select").select_option(index=0)


def test_the_numbers_on_the_page_are_those_of_the_metrics(opened, run):
    metrics = json.loads((run.path / "metrics.json").read_text())["flows"]
    for row in opened.page.locator("#flows tbody tr").all():
        flow = metrics[row.locator("th").inner_text()]
        values = [
            float(cell.get_attribute("data-value")) for cell in row.locator("[data-value]").all()
        ]
        rtt = flow["rtt"]
        # the second where the packets at the receiver are missing
        goodput = flow["goodput_active_bps"] or flow["goodput_bps"]
        assert values[:4] == [
            goodput,
            *(flow[name] for name in ("share", "goodput_bytes", "retransmissions")),
        ]
        assert values[4:] == [rtt[name] for name in ("p50_ms", "p95_ms", "p99_ms")]
        assert f"{rtt['p50_ms']:.1f}" in row.inner_text()


def test_the_script_reads_the_columns_as_they_were_written(opened, run):
    metrics = json.loads((run.path / "metrics.json").read_text())["flows"]
    for name, flow in metrics.items():
        sent = opened.do(
            f"tcpexp.group.data.column('throughput', 'goodput {name}').reduce((sum, each) => sum +"
            " each / 80, 0)"
        )
        assert sent == pytest.approx(flow["goodput_bytes"])
        assert (
            opened.do(f"tcpexp.group.data.column('rtt-{name}', 'rtt').length")
            == flow["rtt"]["samples"]
        )
        assert opened.do(
            f"Math.max(...tcpexp.group.data.column('rtt-{name}', 'rtt'))"
        ) / 1e6 == pytest.approx(flow["rtt"]["max_ms"])


def test_down_sampling_keeps_every_peak(opened):
    high = opened.do("""() => {
        const panel = tcpexp.group.panels.find((each) => each.info.id === "throughput");
        const y = new Float64Array(200000).fill(10);
        y[123456] = 1000;
        const found = { x: Float64Array.from(y, (_, i) => i / 20000), y };
        const lowest = [];
        const note = (x, y) => lowest.push(y);
        const get = (_, name) => (["lineTo", "moveTo"].includes(name) ? note : () => 0);
        const context = new Proxy({}, { get, set: () => true });
        const view = {
            from: 0, to: 10, left: 0, top: 0, width: 800, height: 100, across: 80, ratio: 1,
            lanes: 1, stack: [],
            x: (value) => value * 80, y: (value) => 1000 - value, color: () => "",
        };
        tcpexp.paint(context, { ...panel.info.layers[0], kind: "line", dash: [] }, found, view);
        return [Math.min(...lowest), lowest.length];
    }""")
    assert high[0] == 0 and high[1] < 10_000


def test_static_figures_stand_in_for_the_panels_in_print_only(opened):
    visible = {
        name: opened.page.locator(f"#figure-{name}").is_visible()
        for name in ("throughput", "sequence", "rtt_cdf")
    }
    assert visible == {"throughput": True, "sequence": False, "rtt_cdf": True}
    opened.page.emulate_media(media="print")
    assert (
        opened.page.locator("#figure-sequence").is_visible()
        and not opened.page.locator("#panels").is_visible()
    )
    opened.keep("print")
    opened.page.emulate_media(media="screen")


def test_without_script_the_figures_are_there(run, browser):
    opened = Opened(browser, run.path / "report.html", java_script_enabled=False)
    assert (
        opened.page.locator("#figure-sequence").is_visible()
        and not opened.page.locator("#panels").is_visible()
    )
    opened.context.close()


def test_a_phone_shows_it_without_scrolling_sideways(run, browser):
    """Long words, such as the hash of a file, are broken."""
    opened = Opened(browser, run.path / "report.html")
    opened.page.set_viewport_size({"width": 390, "height": 844})
    widths = opened.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]
    opened.context.close()


def test_dark_follows_the_reader(run, browser):
    opened = Opened(browser, run.path / "report.html", color_scheme="dark")
    opened.keep("dark")
    light, dark = opened.do(
        "[tcpexp.group.color('--ink'), getComputedStyle(document.documentElement).backgroundColor]"
    )
    assert light == "#e4e8ee" and dark == "rgb(14, 18, 23)" and opened.said == []
    opened.context.close()


@pytest.fixture(scope="module")
def compared(run, browser, tmp_path_factory):
    """A comparison of the run with one of other packets, opened."""
    other = shared_bottleneck(tmp_path_factory.mktemp("other"), 9, PLOTS)
    measure_run(other)
    path = write_diff_page(compare_runs(run, other), other.path.parent / "diff.html", 0.01)
    opened = Opened(browser, path)
    yield opened
    opened.keep("diff")
    assert opened.said == [] and len(opened.asked) == 1
    opened.context.close()


def test_two_runs_share_panels_and_time(compared, run):
    panels = compared.do("tcpexp.group.panels.map((panel) => panel.info.id)")
    assert {
        "sequence",
        "throughput-cubic",
        "throughput-bbr",
        "cwnd-cubic",
        "cwnd-bbr",
        "rtt-cubic",
        "rtt-bbr",
    } <= set(panels)
    for panel in panels:
        shown = (
            f"tcpexp.group.panels.find((each) => each.info.id === '{panel}').layers().map((each) =>"
            " each.flow + ' ' + each.table[0])"
        )
        assert set(compared.do(shown)) == {"run A A", "run B B"}
    assert compared.do("tcpexp.group.whole[1]") == 12
    flow = json.loads((run.path / "metrics.json").read_text())["flows"]["cubic"]
    sent = compared.do(
        "tcpexp.group.data.column('A/throughput', 'goodput cubic').reduce((sum, each) => sum + each"
        " / 80, 0)"
    )
    assert sent == pytest.approx(flow["goodput_bytes"])


def test_each_of_two_runs_can_be_switched_off(compared):
    drawn = (
        "[...new Set(tcpexp.group.panels.flatMap((panel) => panel.layers().map((layer) =>"
        " layer.flow)))].sort()"
    )
    switch = compared.page.locator(".toolbar .toggle", has_text="run B")
    switch.click()
    assert compared.do(drawn) == ["run A"]
    switch.click()
    assert compared.do(drawn) == ["run A", "run B"]


def test_a_packet_of_two_runs_says_whose_it_is(compared, run):
    compared.page.keyboard.press("n")
    said = compared.page.locator(".pinned").inner_text()
    assert "run A, " in said and f"{run.path.name}/raw/" in said
    compared.page.keyboard.press("Escape")


def test_overlays_stand_in_for_the_panels_of_two_runs_in_print_only(compared):
    assert (
        not compared.page.locator("#figures").is_visible()
        and compared.page.locator("#panels").is_visible()
    )
    compared.page.emulate_media(media="print")
    assert (
        compared.page.locator("#figure-cwnd").is_visible()
        and not compared.page.locator("#panels").is_visible()
    )
    compared.page.emulate_media(media="screen")


def test_a_panel_is_drawn_when_it_comes_near_and_left_alone_while_it_is_not(run, browser):
    opened = Opened(browser, run.path / "report.html")
    last = "tcpexp.group.panels[tcpexp.group.panels.length - 1]"
    opened.do("tcpexp.group.zoom(2, 3)")
    assert opened.do(f"[{last}.near, {last}.stale]") == [False, True]
    opened.page.locator("section.panel").last.scroll_into_view_if_needed()
    drawn = (
        f"new Promise((done) => {{ const look = () => ({last}.near && !{last}.stale ? done(true) :"
        " requestAnimationFrame(look)); look(); })"
    )
    assert opened.do(drawn) and opened.do(
        f"[{last}.plot.scales.x.min, {last}.plot.scales.x.max]"
    ) == [2, 3]
    opened.context.close()


def test_the_axis_ends_with_the_packets_and_reaches_further_when_asked(run, browser):
    opened = Opened(browser, run.path / "report.html")
    info, packed = panel_pages(run.path)
    opened.page.evaluate(MOUNT, [{**info, "view": [0, 6 * 10**9]}, packed])
    range = "mounted.group.range"
    choice = opened.page.get_by_role("button", name="Whole duration: 12 s")
    assert opened.do(range) == [0, 6]
    choice.click()
    assert opened.do(range) == [0, 12]
    choice.click()
    assert opened.do(range) == [0, 6]
    opened.do("mounted.group.show(8, 9)")
    assert opened.do(range) == [8, 9] and choice.get_attribute("aria-pressed") == "true"
    opened.context.close()


def test_fingers_move_and_zoom_and_the_page_still_scrolls(run, browser):
    opened = Opened(browser, run.path / "report.html", has_touch=True)
    x, y = place(opened, "rtt", 0.5)
    session = opened.context.new_cdp_session(opened.page)

    def drag(*fingers):
        def touch(kind, part=None):
            points = [
                {"x": x + a[0] + part * (b[0] - a[0]), "y": y + a[1] + part * (b[1] - a[1])}
                for a, b in fingers
                if part is not None
            ]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 0)
        for step in range(1, 6):
            touch("touchMove", step / 5)
        touch("touchEnd")

    drag(((-40, 0), (-160, 0)), ((40, 0), (160, 0)))
    from_, to = opened.range
    assert to - from_ == pytest.approx(3, abs=0.5)
    drag(((0, 0), (-100, 0)))
    assert opened.range[0] > from_ + 0.1 and opened.range[1] - opened.range[0] == pytest.approx(
        to - from_
    )
    before, scrolled = opened.range, opened.do("scrollY")
    drag(((0, 60), (0, -120)))
    opened.page.wait_for_function(f"scrollY > {scrolled} + 50")
    assert opened.range == before
    opened.context.close()


MOUNT = """async ([info, packed]) => {
  const root = document.createElement("div");
  document.body.append(root);
  window.mounted = await tcpexp.mountPanels(root, info, packed);
  window.told = [];
  for (const what of ["range", "pin"]) mounted.group.listen(what, () => told.push([what]));
}"""


def test_panels_are_mounted_twice_and_taken_away_again(run, browser):
    opened = Opened(browser, run.path / "report.html")
    opened.page.evaluate(MOUNT, list(panel_pages(run.path)))
    opened.do("mounted.group.zoom(0, 3); mounted.group.pinPacket('h1-eth0', 40)")
    assert opened.do("[mounted.group.range, tcpexp.group.range]") == [[0, 3], [0, 12]]
    told = opened.do("told.map(([what]) => what)")
    assert told[0] == "range" and told[-1] == "pin"
    assert opened.do("mounted.group.packetOf(mounted.group.pinned).number") == 40
    assert opened.do("tcpexp.group.pinned") is None
    ids = "[...document.querySelectorAll('[id]')].map((each) => each.id)"
    assert len(opened.do(ids)) == len(set(opened.do(ids)))
    opened.do("mounted.destroy(); tcpexp.group.zoom(5, 6)")
    assert opened.do("[mounted.group.root.childElementCount, told.length]") == [0, len(told)]
    assert opened.said == []
    opened.context.close()


def test_another_script_would_not_run(run, browser, tmp_path):
    text = (run.path / "report.html").read_text()
    (tmp_path / "report.html").write_text(
        re.sub(r"</body>", "<script>document.title = 'ran'</script><img src='x.png'></body>", text)
    )
    shutil.copy(next((run.path / "figures").glob("*.png")), tmp_path / "x.png")
    opened = Opened(browser, tmp_path / "report.html")
    assert opened.page.title() != "ran" and any(
        "Content Security Policy" in text for text in opened.said
    )
    opened.context.close()
