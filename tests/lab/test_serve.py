"""The command: where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpexp.cli.main import main
from tcpexp.errors import HostError
from tcpexp.lab.config import LabConfig
from tcpexp.lab.process import Worker
from tcpexp.lab.serve import listen
from tests.support.labs import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "results") as served:
        yield served


def test_it_prints_its_link_and_ends_when_it_is_asked_to(served: Served) -> None:
    assert served.link.startswith("http://localhost:") and "token=" in served.link
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(served.link, timeout=20) as answer:
        assert b"tcpexp lab" in answer.read()
    with opener.open(f"{served.origin}/api/shelf", timeout=20) as answer:
        assert len(json.load(answer)["specs"]) > 50
    with opener.open(f"{served.origin}/api/events?tab=1", timeout=20) as stream:
        assert stream.readline().startswith(b"retry")
        assert served.end() == 0  # with a page open


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    config, taken = listen(LabConfig(tmp_path))
    with taken, pytest.raises(HostError, match=f"port {config.port}"):
        listen(config)


@pytest.mark.parametrize(
    "arguments",
    [["--listen", "192.0.2.7"], ["--class", "--listen", "0.0.0.0"], ["--name", "lab.example.org"],
     ["no-such-folder"]],
)  # fmt: skip
def test_what_would_let_others_in_is_a_mistake_of_the_command_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["lab", *arguments]) == 2
    assert capsys.readouterr().err


def test_a_worker_shows_a_run_and_ends(tmp_path: Path, recorded: Path) -> None:
    async def show() -> tuple[list[dict], int | None]:
        worker = await Worker.start()
        task = {"job": None, "run": recorded, "pinned": recorded, "into": tmp_path / "view.json"}
        events = [event async for event in worker.do(task)]
        await worker.close()
        return events, worker.process.returncode

    events, status = asyncio.run(show())
    assert status == 0 and events == [{"view": str(recorded)}, {"ended": True}]
    view = json.loads((tmp_path / "view.json").read_text())
    assert view["title"] == "BBR and CUBIC share a bottleneck"
    assert [row["result"] for row in view["verdicts"]] == ["PASS"]
    assert view["panels"]["info"]["panels"] and view["panels"]["columns"]
    assert view["changes"]["spec"] == [] and view["changes"]["verdicts"] == []


def test_a_worker_whose_server_is_gone_ends(tmp_path: Path) -> None:
    async def abandon() -> int | None:
        worker = await Worker.start()
        await worker.close()
        return worker.process.returncode

    assert asyncio.run(abandon()) == 0
