"""What a reader sees first, in headless Chromium: question, answer, figure and verdicts within the
first screen of a desk and of a phone; and a student's page that keeps what was written.
"""

import dataclasses

import pytest

from tcpexp.checks.base import Verdict
from tcpexp.checks.run import write_checks
from tcpexp.plan.types import to_json
from tcpexp.report.page.write import write_report
from tests.support.browsers import find_browser
from tests.support.fake_run import one_connection
from tests.support.report_values import CERTIFICATE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 420, "height": 860}
LONG = "A web server on h2 and a client on h1, which asks for one small page. " * 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    certificate = {**CERTIFICATE, "verdict": "VALID", "reasons": []}
    made = one_connection(
        path, plots=({"sequence": {}}, {"ladder": {}}, {"states": {}}), certificate=certificate
    )
    plan = dataclasses.replace(
        made.plan,
        description=f"{LONG}Who closes first, and what does that cost?",
        answer="h2 closes first and waits for {is: 60s, as: time}.",
        explain="The server is done first.",
        key=1,
    )
    (path / "plan.json").write_text(to_json(plan))
    made.forget()
    passed = Verdict(
        "segments", "SYNs from h1 to h2 in the whole run", "PASS", "1 SYN", "1", "1 SYN; asked: 1."
    )
    failed = dataclasses.replace(
        passed, title="FINs from h1", result="FAIL", measured="2 FINs", reason="There were two."
    )
    write_checks(path, [passed] * 8 + [failed])
    write_report(made)
    write_report(made, "student")
    return made


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(run, browser):
    """Return a function that opens a page of the run in a window."""
    contexts = []

    def open_page(window, name="report.html"):
        contexts.append(browser.new_context(viewport=window))
        page = contexts[-1].new_page()
        page.goto((run.path / name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def bottom(page, selector: str, nth: int = 0) -> float:
    """Return where an element ends, in pixels from the top of the page."""
    box = page.locator(selector).nth(nth).bounding_box()
    return box["y"] + box["height"]


@pytest.mark.parametrize(("window", "verdicts"), [(DESK, 9), (PHONE, 2)])
def test_the_first_screen_answers(opened, window, verdicts):
    page = opened(window)
    ends = [
        bottom(page, selector) for selector in ("h1", ".question .asked", ".answer", "figure.key")
    ]
    ends += [bottom(page, ".verdict summary", nth) for nth in range(verdicts)]
    assert max(ends) <= window["height"]
    assert "60 s" in page.locator(".answer").inner_text()
    assert "1 of 9 expectations does not hold" in page.locator(".unborne").inner_text()


@pytest.mark.parametrize("window", [DESK, PHONE])
def test_nothing_scrolls_sideways_and_no_text_is_small(opened, window):
    page = opened(window)
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]
    smallest = page.evaluate("""() => {
        const drawings = [...document.querySelectorAll("figure.key svg")];
        const svg = drawings.find((drawing) => drawing.getClientRects().length);
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        const size = (text) => parseFloat(getComputedStyle(text).fontSize) * scale;
        return Math.min(...[...svg.querySelectorAll("text")].map(size));
    }""")
    assert smallest >= (11 if window is PHONE else 7)


def test_a_verdict_is_a_line_that_folds_out(opened):
    page = opened(DESK)
    first, second = page.locator(".verdict").nth(0), page.locator(".verdict").nth(1)
    assert "FAIL" in first.inner_text() and "There were two." in first.inner_text()
    line = " ".join(second.inner_text().split())
    assert line == "PASS SYNs from h1 to h2 measured 1 SYN expected 1"
    assert second.bounding_box()["height"] < 40
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "1 SYN." in second.inner_text() and "asked" not in second.inner_text()


def test_on_a_phone_the_rest_is_behind_a_word(opened):
    page = opened(PHONE)
    height = page.locator("figure.key").bounding_box()["height"]
    assert not page.locator("nav").is_visible() and height < 400
    for words in ("Contents", "all of it", "the whole figure"):
        page.locator("label.more", has_text=words).click()
    assert page.locator("nav").is_visible()
    assert page.locator("figure.key").bounding_box()["height"] > height


def test_paper_has_the_whole_figure_and_every_verdict(opened):
    page = opened({"width": 700, "height": 900})
    page.emulate_media(media="print")
    assert page.locator("figure.key .on-wide").is_visible()
    assert not page.locator("figure.key .on-phone").is_visible()
    assert page.locator(".verdict").last.is_visible() and not page.locator("nav").is_visible()


def test_a_students_page_keeps_what_was_written_and_prints_it(opened):
    page = opened(DESK, "report-student.html")
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.get_by_label("Who closes first").fill("h2 closes first.\nIt waits.")
    page.get_by_label("Name").fill("Ada")
    assert page.locator("#kept").inner_text() == "Kept in this browser."
    page.reload()
    assert page.get_by_label("Who closes first").input_value() == "h2 closes first.\nIt waits."
    assert page.get_by_label("Name").input_value() == "Ada"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as text").click()
    text = download.value.path().read_text()
    assert "what does that cost?\nh2 closes first.\nIt waits.\n" in text and "Name\nAda" in text
    page.emulate_media(media="print")
    assert page.locator(".written").inner_text() == "h2 closes first.\nIt waits."
    assert not page.locator("textarea").is_visible() and said == []
