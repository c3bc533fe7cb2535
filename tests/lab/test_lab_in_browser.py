"""The laboratory as people use it: in headless Chromium, with runs in the guest where there is one.

Screenshots are kept under ``$TCPEXP_SCREENSHOTS`` where that names a folder.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcpexp.store.manifest import read_manifest, verify
from tests.support.browsers import find_browser
from tests.support.labs import Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
#: Two seconds of one flow: a run of it takes about two seconds.
SPEC = """\
name: quick
title: A quick flow over a slow link
description: How long does one window take over this link?
answer: "The flow reaches {check: 1}."
topology: two_host
links:
  h1-h2: {rate: 2mbit, delay: 10ms, queue: 20p}
seed: 5
duration: 2s
record: {trace: off}
knobs:
  - {path: links.h1-h2.rate, label: rate of the link, values: [1mbit, 2mbit, 4mbit]}
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 2s}
expect:
  - goodput: {flow: up, between: [1s, 2s], at_least: 100kbit, because: "the link is free"}
"""
RUN_S = 90_000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "quick.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("lab") / "results", str(own)) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=find_browser(),
            args=["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1"],
        )
        yield chromium
        chromium.close()


class Visitor:
    """A browser of its own at a laboratory."""

    def __init__(self, browser: Any, link: str, **options: Any) -> None:
        options = {"viewport": {"width": 1400, "height": 900}, **options}
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.clicks = 0
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(link)
        self.page.wait_for_selector("body[data-ready]")

    def click(self, selector: str) -> None:
        self.clicks += 1
        self.page.locator(selector).first.click()

    def wait_run(self, work: int = 0) -> str:
        """Wait until a run is shown and has ended; return its name."""
        self.page.wait_for_selector("#stop:disabled", timeout=RUN_S)
        self.page.wait_for_selector("body[data-shown]", timeout=RUN_S)
        self.page.wait_for_selector("#panels[data-ready]", timeout=RUN_S)
        return str(self.page.evaluate("document.body.dataset.shown"))

    def forget(self) -> None:
        self.page.evaluate(
            "for (const name of ['shown', 'ended', 'curveMs']) delete document.body.dataset[name]"
        )

    def keep(self, name: str) -> None:
        folder = os.environ.get("TCPEXP_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)

    def close(self) -> None:
        self.context.close()
        assert self.said == []


@pytest.fixture
def visitor(browser: Any, served: Served) -> Iterator[Visitor]:
    visitor = Visitor(browser, served.link)
    yield visitor
    assert all(url.startswith((served.origin, "data:", "blob:")) for url in visitor.asked)
    visitor.close()


@pytest.mark.guest
def test_a_stranger_with_a_question_has_the_answer_in_three_clicks(
    visitor: Visitor, served: Served, browser: Any
) -> None:
    page = visitor.page
    page.keyboard.type(
        "How long does one window take over a slow link?"
    )  # the search has the focus
    page.wait_for_selector("#found .card")
    visitor.click("#found .card")
    assert page.inner_text("#title") == "A quick flow over a slow link"
    page.wait_for_selector(".knob select")
    page.locator(".knob select").first.select_option("4mbit")
    visitor.clicks += 2  # a choice is opened, and made
    run = visitor.wait_run()
    assert visitor.clicks <= 3
    assert "Mbit/s" in page.inner_text(".answer")
    assert page.locator(".verdicts .mark.PASS").count() == 1
    assert page.locator("#panels section.panel").count() >= 3
    page.wait_for_selector("body[data-ended]", timeout=RUN_S)
    visitor.keep("walk")

    # the same files as those of the command line
    path = served.results / run
    manifest = read_manifest(path)
    verify(path)
    assert manifest.status == "complete" and (path / "report.html").is_file()
    assert manifest.command[-2:] == ("--set", "links.h1-h2.rate=4mbit")
    pinned_and_taken_along(visitor, served, browser, run)


def pinned_and_taken_along(visitor: Visitor, served: Served, browser: Any, run: str) -> None:
    """Pin a run, draw the next over it, note, and open the link elsewhere."""
    page = visitor.page
    # pinned, and the next is drawn over it
    page.click("#pin-this")
    visitor.forget()
    page.locator(".knob select").first.select_option("1mbit")
    second = visitor.wait_run()
    assert second != run
    assert "run A" in page.inner_text("#pin") and run in page.inner_text("#pin")
    flows = page.evaluate(
        "[...document.querySelectorAll('#panels button')].map(b => b.textContent)"
    )
    assert {"run A", "run B"} <= {flow.strip() for flow in flows}
    page.click(".changes summary")
    assert "links.h1-h2.rate" in page.inner_text(".changes table")
    visitor.keep("pinned")

    # notes, history, and a link that holds all of it
    page.click("#tab-notes")
    page.fill("#note", "half the rate")
    page.wait_for_selector("#kept:has-text('kept beside')")
    assert (served.results / second / "notes.md").read_text() == "half the rate"
    page.click("#tab-history")
    page.wait_for_selector("#runs tbody tr:nth-child(2)")
    visitor.keep("history")
    page.click("#tab-result")
    page.wait_for_timeout(300)
    other = Visitor(browser, served.link)
    other.page.goto(page.url)
    other.page.wait_for_selector("body[data-shown]", timeout=RUN_S)
    assert other.page.locator(".knob select").first.input_value() == "1mbit"
    assert run in other.page.inner_text("#pin")
    # another link in the same page, and back
    other.page.goto(f"{served.origin}/#spec=own%2Fquick.yaml&set=seed%3D9")
    seed = other.page.locator("input[data-path=seed]")
    seed.wait_for(state="attached")
    other.page.wait_for_selector(
        ".knob [data-path=seed][data-part=back]:not([hidden])", state="attached"
    )
    assert seed.input_value() == "9"
    other.page.go_back()
    other.page.wait_for_selector(f"#pin:has-text('{run}')")
    other.close()

    # the full report opens as a page of its own, with its panels
    with visitor.context.expect_page() as opened:
        page.click("text=Full report")
    opened.value.wait_for_selector("#panels[data-ready]")
    opened.value.close()


@pytest.mark.guest
def test_all_of_it_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page
    page.keyboard.type("How long does one window take over a slow link?")
    page.wait_for_selector("#found .card")
    page.keyboard.press("Enter")  # searches, and puts the focus on the first that fits
    page.wait_for_selector("#found .card:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector("#title:focus")
    page.wait_for_selector(".knob select")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "More knobs":
            page.keyboard.press("Enter")
        path, part = page.evaluate(
            "[document.activeElement.dataset.path, document.activeElement.dataset.part]"
        )
        if (path, part) == ("links.h1-h2.delay", "value"):
            break
    assert (path, part) == ("links.h1-h2.delay", "value")
    page.keyboard.press("ArrowUp")
    visitor.wait_run()
    assert page.evaluate("document.activeElement.value") == "20ms"  # the focus has stayed
    assert page.locator("#status[role=status]").count() == 1
    page.focus("#tab-result")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-text"
    assert "delay: 20ms" in page.inner_text(".cm-content")
    unnamed = page.evaluate(
        """[...document.querySelectorAll('button, input, select, textarea, a[href]')].filter(e =>
          !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim()
          && !e.closest('[hidden], .cm-editor')).map(e => e.outerHTML.slice(0, 100))"""
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_wide_and_narrow(
    browser: Any, served: Served, recorded: Path, scheme: str
) -> None:
    kept = served.results / "bbr_vs_cubic" / recorded.name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(recorded, kept)
    for width in (1400, 420):
        visitor = Visitor(
            browser,
            served.link,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        page = visitor.page
        visitor.keep(f"shelf-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(f"{served.origin}/#spec=bbr_vs_cubic&run=bbr_vs_cubic/{recorded.name}")
        page.wait_for_selector("#panels[data-ready]", timeout=RUN_S)
        page.wait_for_timeout(600)
        visitor.keep(f"result-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        back = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        light = sum(map(int, back.removeprefix("rgb(").removesuffix(")").split(","))) > 384
        assert light == (scheme == "light")
        page.click("#tab-text")
        page.wait_for_selector(".cm-content")
        ink, paper = page.evaluate(
            "['color', 'backgroundColor'].map(n => getComputedStyle("
            "document.querySelector('.cm-editor'))[n])"
        )
        assert ink != paper
        visitor.keep(f"text-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        visitor.close()


def test_errors_are_marked_while_one_types_and_go_when_they_are_mended(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(page.url.split("#")[0] + "#spec=own%2Fquick.yaml")
    page.wait_for_selector(".knob select")
    page.click("#tab-text")
    line = page.locator(".cm-line", has_text="h1-h2: {rate")
    line.click()
    page.keyboard.press("End")
    for _ in range(len("20p}")):
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("x")  # queue: x20p
    page.wait_for_selector("#errors button")
    words = page.inner_text("#errors button")
    assert words.startswith("7:44 ") and "x20p" in words
    assert page.inner_text("#mistakes") == "1"
    assert page.locator(".cm-lintRange-error").inner_text() == "x20p"
    page.click("#run")
    page.wait_for_selector("#status.bad")
    assert "nothing was run" in page.inner_text("#status")
    page.click("#errors button")  # leads to the place
    page.keyboard.type("40p")
    page.wait_for_selector("#errors:empty", state="attached")
    value = page.locator("input[data-part=value][data-path='links.h1-h2.queue']")
    assert value.input_value() == "40p"
    # completion from the schema
    page.locator(".cm-line", has_text="do: iperf3").click()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type(", cong")
    page.wait_for_selector(".cm-tooltip-autocomplete li:has-text('congestion_control')")
    page.keyboard.press("Escape")


@pytest.mark.guest
def test_two_browsers_at_once_each_see_their_own_run(browser: Any, served: Served) -> None:
    visitors = [Visitor(browser, served.link) for _ in range(2)]
    for number, visitor in enumerate(visitors):
        visitor.page.goto(f"{served.origin}/#spec=own%2Fquick.yaml&set=seed%3D{number + 50}")
        visitor.page.wait_for_selector(".knob select")
    for visitor in visitors:
        visitor.page.click("#run")
    names = [visitor.wait_run() for visitor in visitors]
    assert [f"-s{number + 50}-" in name for number, name in enumerate(names)] == [True, True]
    for visitor in visitors:
        visitor.page.click("#tab-history")
        for name in names:
            visitor.page.wait_for_selector(f"tr[data-run='{name}']")
        visitor.close()


@pytest.mark.guest
def test_a_server_that_is_killed_leaves_a_run_that_says_so_and_no_guest(
    browser: Any, tmp_path: Path
) -> None:
    (tmp_path / "long.yaml").write_text(SPEC.replace("quick", "long").replace("2s", "3000s"))
    with Served(tmp_path / "results", str(tmp_path / "long.yaml")) as served:
        visitor = Visitor(browser, served.link)
        page = visitor.page
        page.goto(f"{served.origin}/#spec=own%2Flong.yaml")
        page.wait_for_selector(".knob select")
        page.click("#run")
        page.wait_for_selector("#status:has-text('running')", timeout=RUN_S)
        (run,) = (served.results / "long").iterdir()
        mine = children_of(served.process.pid)
        assert mine
        served.end(signal.SIGKILL)
        page.wait_for_selector("#lost:not([hidden])")
        assert "keeps what it recorded" in page.inner_text("#lost")
        deadline = time.monotonic() + 60
        while any(map(is_alive, mine)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(map(is_alive, mine))
        assert read_manifest(run).status == "interrupted"
        assert json.loads((run / "raw" / "engine.json").read_text())["status"] == "interrupted"
        visitor.close()


def children_of(pid: int) -> set[int]:
    """Return the processes below one, all generations."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    todo = [pid]
    while todo:
        parent = todo.pop()
        below = {child for child, above in parents.items() if above == parent} - found
        found |= below
        todo += below
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


EVIL = """<!doctype html><title>evil</title><body>
<form id="form" method="post" enctype="text/plain" action="{lab}/api/run"><input name='{{"spec":"one_loss","tab":"' value='1"}}'></form>
<img src="{lab}/api/history"><script>
const asked = [];
const ask = (path, options) => asked.push(fetch("{lab}" + path, options).then(a => a.type + a.status, () => "failed"));
ask("/api/run", {{method: "POST", credentials: "include", headers: {{"content-type": "application/json"}}, body: '{{"spec": "one_loss", "tab": "1"}}'}});
ask("/api/run", {{method: "POST", credentials: "include", mode: "no-cors", body: '{{"spec": "one_loss", "tab": "1"}}'}});
ask("/api/history", {{credentials: "include"}});
ask("/api/history", {{credentials: "include", mode: "no-cors"}});
Promise.all(asked).then(all => document.title = all.join(" "));
</script>"""  # noqa: E501 - one page


def test_another_site_and_another_name_get_nothing(browser: Any, served: Served) -> None:
    page_of_evil = EVIL.format(lab=served.origin).encode()

    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page_of_evil)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    before = sorted(path.name for path in served.results.glob("*"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visitor = Visitor(browser, served.link)  # who has the cookie
    visitor.page.goto("about:blank")  # what the lab's own page still asks for is not meant
    answers: list[tuple[str, int]] = []
    visitor.page.on("response", lambda answer: answers.append((answer.url, answer.status)))
    visitor.page.goto(f"http://localhost:{server.server_port}/")
    visitor.page.wait_for_function("document.title.includes('failed')")
    assert visitor.page.title() == "failed failed failed failed"
    with visitor.page.expect_navigation():
        visitor.page.evaluate("document.getElementById('form').submit()")
    asked = [status for url, status in answers if url.startswith(f"{served.origin}/api/")]
    assert asked and set(asked) == {403}
    # a name that leads to this machine is not its own
    port = served.origin.rpartition(":")[2]
    answer = visitor.page.goto(f"http://evil.example:{port}/?{served.link.partition('?')[2]}")
    assert answer.status == 421
    assert sorted(path.name for path in served.results.glob("*")) == before
    server.shutdown()
    visitor.context.close()


def test_a_student_enters_by_a_name_and_turns_knobs_only(browser: Any, tmp_path: Path) -> None:
    with Served(tmp_path / "results", "--class") as served:
        page = browser.new_context(viewport={"width": 420, "height": 900}).new_page()
        page.goto(served.link)
        page.fill("#name:focus", "Ada & Bob")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-ready]")
        assert page.inner_text("#who summary").startswith("ada-bob-")
        page.click("#who summary")
        assert "me=ada-bob-" in page.input_value("#own-link")
        page.goto(f"{served.origin}/#spec=one_loss")
        page.wait_for_selector(".knob select, .knob input")
        page.click("#tab-text")
        before = page.inner_text(".cm-content")
        page.click(".cm-line")
        page.keyboard.type("x")
        assert page.inner_text(".cm-content") == before
        page.context.close()
        assert served.end() == 0
