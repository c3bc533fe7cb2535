"""The report in a notebook's cell, in headless Chromium: it works in its frame and stays in it."""

from __future__ import annotations

import pytest

from tcpexp.analysis.metrics import measure_run
from tcpexp.notebook.run import Run
from tests.support.browsers import find_browser
from tests.support.fake_run import shared_bottleneck

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_report_works_in_a_cell_and_reaches_nothing_outside(tmp_path):
    from playwright.sync_api import sync_playwright

    (tmp_path / "run").mkdir()
    data = shared_bottleneck(tmp_path / "run", 6)
    measure_run(data)
    cell = Run(data.path).show(height=600)._repr_html_()
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><p>a cell above</p>{cell}", encoding="utf-8")
    said: list[str] = []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1000, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(notebook.as_uri())
        frame = page.frame_locator("iframe")
        frame.locator("#panels[data-ready=yes]").wait_for()
        assert frame.locator("section.panel").count() >= 5
        assert page.locator("iframe").bounding_box()["height"] >= 600
        inner = page.frames[1]
        assert inner.evaluate(
            "() => { try { return parent.document.title } catch (error) { return error.name } }"
        ) == ("SecurityError")
        inner.evaluate("tcpexp.group.zoom(1, 2)")
        assert inner.evaluate("tcpexp.group.range") == [1, 2]
        link = frame.locator("nav a").first
        link.click()
        inner.wait_for_function("location.hash !== ''")
        assert inner.evaluate("location.hash") == link.get_attribute("href")
        assert page.url == notebook.as_uri()
        chromium.close()
    assert [
        text for text in said if "SecurityError" not in text and "Blocked a frame" not in text
    ] == []
