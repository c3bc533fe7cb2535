"""The bench with real workers: what a page hears, and runs that are ended."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tcpexp.batch.rows import Job
from tcpexp.lab.bench import Bench
from tcpexp.lab.config import LabConfig, Limits
from tcpexp.lab.errors import Refused
from tcpexp.lab.sessions import MOST_EVENTS, MOST_TABS, Session
from tcpexp.runs.options import RunOptions
from tcpexp.store.manifest import read_manifest

LONG = """\
name: long
topology: two_host
links:
  h1-h2: {rate: 2mbit, delay: 10ms}
seed: 1
duration: 3000s
record: {trace: off}
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 3000s}
"""


class Page:
    """A page at a bench: what it has heard."""

    def __init__(self, bench: Bench, name: str = "page") -> None:
        self.bench = bench
        self.name = name
        self.session = Session("me", bench.config.results)
        self.queue = self.session.open_tab(name)
        self.heard: list[dict[str, Any]] = []

    async def until(self, kind: str) -> dict[str, Any]:
        """Listen until an event of a kind comes; return it."""
        while True:
            text = await asyncio.wait_for(self.queue.get(), 90)
            assert text is not None
            self.heard.append(json.loads(text))
            if self.heard[-1]["kind"] == kind:
                return self.heard[-1]


def at_bench(config: LabConfig, act: Callable[[Bench, Page], Any]) -> Any:
    """Do something at a bench, and close it."""

    async def doing() -> Any:
        bench = Bench(config)
        await bench.open()
        try:
            return await act(bench, Page(bench))
        finally:
            await bench.close()
            assert not bench.scratch.exists()

    return asyncio.run(doing())


def long_job(tmp_path: Path) -> Job:
    spec = tmp_path / "long.yaml"
    spec.write_text(LONG)
    return Job(str(spec), RunOptions(out=tmp_path / "results"))


def test_a_recorded_run_is_shown_once_and_known_after(tmp_path: Path, recorded: Path) -> None:
    async def act(bench: Bench, page: Page) -> None:
        work = bench.put(page.session, page.name, run=recorded)
        event = await page.until("view")
        assert event["view"] == f"view/{work.id}"
        assert (await page.until("ends"))["ok"]
        assert bench.known_view(page.session, recorded, None) == work.id
        assert json.loads(bench.view_file(page.session, work.id).read_text())["panels"]
        with pytest.raises(Refused):
            bench.view_file(Session("other", tmp_path), work.id)
        with pytest.raises(Refused):
            bench.view_file(page.session, work.id + 1)

    at_bench(LabConfig(tmp_path), act)


def test_a_spec_that_is_wrong_ends_with_its_errors(tmp_path: Path) -> None:
    async def act(bench: Bench, page: Page) -> dict[str, Any]:
        spec = bench.write_spec("x", "name: x\n")
        bench.put(page.session, page.name, job=Job(str(spec), RunOptions(out=tmp_path)))
        return await page.until("ends")

    event = at_bench(LabConfig(tmp_path), act)
    assert not event["ok"] and "topology" in event["errors"][0]["message"]


def test_a_run_that_cannot_be_shown_says_so(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text("{")

    async def act(bench: Bench, page: Page) -> list[dict[str, Any]]:
        bench.put(page.session, page.name, run=tmp_path / "run")
        await page.until("ends")
        return page.heard

    heard = at_bench(LabConfig(tmp_path), act)
    assert not heard[-1]["ok"]
    assert any("cannot be shown" in event.get("text", "") for event in heard)


@pytest.mark.guest
def test_the_newest_waits_and_a_stopped_run_keeps_what_it_has(tmp_path: Path) -> None:
    async def act(bench: Bench, page: Page) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        job = long_job(tmp_path)
        first = bench.put(page.session, page.name, job=job)
        await page.until("starts")
        second = bench.put(page.session, page.name, job=job)
        third = bench.put(page.session, page.name, job=job)
        assert bench.runs.places() == [third]
        assert bench.stop(page.session, page.name) == 2
        end = await page.until("ends")
        assert end["work"] == first.id
        dropped = [event["work"] for event in page.heard if event["kind"] == "dropped"]
        assert dropped == [second.id, third.id]
        return end, page.heard

    end, _ = at_bench(LabConfig(tmp_path / "results"), act)
    assert end["status"] == "interrupted"
    assert read_manifest(tmp_path / "results" / end["run"]).status == "interrupted"


@pytest.mark.guest
@pytest.mark.parametrize(
    ("limits", "words"), [({"wall_s": 1.0}, "ended after 1 s"), ({"disk_bytes": 1}, "MB, more")]
)
def test_a_run_of_a_class_that_takes_too_much_is_ended(
    tmp_path: Path, limits: dict[str, Any], words: str
) -> None:
    async def act(bench: Bench, page: Page) -> dict[str, Any]:
        bench.put(page.session, page.name, job=long_job(tmp_path))
        return await page.until("ends")

    config = LabConfig(tmp_path / "results", limits=dataclasses.replace(Limits(), **limits))
    end = at_bench(config, act)
    assert end["status"] == "interrupted" and words in end["message"]


def test_a_page_that_does_not_read_begins_anew(tmp_path: Path) -> None:
    async def act() -> None:
        session = Session("me", tmp_path)
        queue = session.open_tab("1")
        for number in range(MOST_EVENTS + 3):
            session.tell({"kind": "x", "number": number})
        texts = [queue.get_nowait() for _ in range(queue.qsize())]
        assert None in texts and len(texts) < MOST_EVENTS
        for number in range(MOST_TABS - 1):
            session.open_tab(f"more{number}")
        with pytest.raises(Refused):
            session.open_tab("one too many")

    asyncio.run(act())
