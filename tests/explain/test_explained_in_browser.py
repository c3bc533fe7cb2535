"""The page of an explained capture as a reader uses it, in headless Chromium, on a desk and on a
phone.
"""

import pytest

from tcpexp.explain.explain import explain_captures
from tests.support.browsers import find_browser
from tests.support.foreign import write_download

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WIDTHS = (1400, 420)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    capture = write_download(folder / "from a <phone>.pcap", "server")
    return explain_captures([capture], folder / "results").report


@pytest.fixture(scope="module", params=WIDTHS)
def page(request, report):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": request.param, "height": 900})
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(report.as_uri())
        page.wait_for_selector("#panels[data-ready=yes]")
        yield page
        assert page.said == []
        chromium.close()


def test_the_answer_is_on_the_first_screen(page):
    box = page.locator(".answer").bounding_box()
    assert box["y"] + box["height"] < 900
    assert "Slow is" in page.inner_text(".answer") or "sets the pace" in page.inner_text(".answer")
    assert page.inner_text("h1") == "from a <phone>.pcap"


def test_nothing_is_wider_than_the_window(page):
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]


def test_a_findings_packet_is_shown_in_the_list(page):
    repaired = page.locator(".findings li", has_text="sent again").first
    link = repaired.locator("a[data-packet]").first
    number = int(link.inner_text())
    link.click()
    page.wait_for_selector("#packets[data-ready=yes]")
    page.wait_for_function("tcpexp.packetList.place >= 0")
    shown = page.evaluate("tcpexp.packetList.capture.column('number')[tcpexp.packetList.place]")
    assert shown == number


def test_a_connections_packets_are_one_click_away(page):
    page.click("#connection-1 a[href^='#packets?filter']")
    page.wait_for_function("tcpexp.packetList && tcpexp.packetList.text === 'connection == 1'")
    # the datagram in front is no connection's
    assert page.evaluate("tcpexp.packetList.rows.length") == 34
    page.evaluate("tcpexp.packetList.setFilter('udp')")
    page.wait_for_function("tcpexp.packetList.rows.length === 1")


def test_strips_show_what_limited_each_direction(page):
    strips = page.locator("#connection-1 .strip svg")
    assert strips.count() == 2
    widths = strips.first.locator("rect").evaluate_all(
        "parts => parts.map((part) => Number(part.getAttribute('width')))"
    )
    assert 0 < sum(widths) <= 1001
    assert page.locator("#panel-limits").count() == 1
