"""A cluster whose workers see neither the study's folder nor a guest image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from distributed import Client

from tcpexp.batch.workers import local_workers
from tcpexp.batch.workplace import GUEST
from tcpexp.places.image.image import find_image
from tcpexp.studies.run import run_study
from tcpexp.studies.study import StudyOptions, load_study
from tcpexp.studies.tables import hash_tables
from tests.support.cheap import IMAGE_NAME, write_spec
from tests.support.cluster import cluster
from tests.support.images import make_image


def blind() -> None:
    from tcpexp.batch.folder import StudyFolder

    StudyFolder.is_study = lambda self, token: False


def count_imports() -> None:
    """Have this worker note each image that it imports."""
    from tcpexp.places.image import archive

    whole = archive.import_image

    def noted(path, say, **more):
        with (Path(path).parent / "imports.txt").open("a") as file:
            file.write("x")
        return whole(path, say, **more)

    archive.import_image = noted


def ready(address: str, count: int) -> Client:
    client = Client(address)
    client.wait_for_workers(count, timeout=120)
    client.run(blind)
    client.run(count_imports)
    return client


def test_workers_that_share_nothing_get_the_image_once_and_send_their_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEAP_LOG", str(tmp_path / "log.txt"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    image = make_image()
    spec = write_spec(tmp_path, repeat=1)
    options = StudyOptions(out=tmp_path / "whole", workplace=IMAGE_NAME)
    whole = run_study(load_study(spec, options), jobs=1)
    with (
        cluster(
            tmp_path,
            2,
            XDG_CACHE_HOME=str(tmp_path / "theirs"),
            CHEAP_LOG=str(tmp_path / "log.txt"),
        ) as address,
        ready(address, 2),
    ):
        sent = run_study(
            load_study(spec, StudyOptions(out=tmp_path / "sent", workplace=IMAGE_NAME)),
            scheduler=address,
        )
    assert (sent.made, sent.failed, sent.left) == (6, [], 0)
    assert hash_tables(sent.path / "tables") == hash_tables(whole.path / "tables")
    assert (tmp_path / "theirs" / "tcpexp" / "images" / "imports.txt").read_text() == "x"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    arrived = find_image(image.sha256)
    assert arrived is not None
    assert (
        sorted(
            path.name
            for path in arrived.path.parent.iterdir()
            if "incoming" in path.name or "importing" in path.name
        )
        == []
    )


def test_a_worker_whose_image_cannot_be_sent_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEAP_LOG", str(tmp_path / "log.txt"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    image = make_image()
    study = load_study(
        write_spec(tmp_path, rates="[1mbit]", rtts="[10ms]", repeat=1),
        StudyOptions(out=tmp_path / "sent", workplace=IMAGE_NAME),
    )
    (image.path / "vmlinuz").write_text("damaged")
    said: list[str] = []

    class Hears:
        def __getattr__(self, name):
            return lambda *arguments: said.append(arguments[1].error) if name == "ends" else False

    with (
        cluster(
            tmp_path,
            1,
            XDG_CACHE_HOME=str(tmp_path / "theirs"),
            CHEAP_LOG=str(tmp_path / "log.txt"),
        ) as address,
        ready(address, 1),
    ):
        outcome = run_study(study, scheduler=address, watcher=Hears())
    assert (outcome.made, outcome.left) == (0, 1)
    assert "is damaged" in said[0]


@pytest.mark.guest
@pytest.mark.full
def test_real_guests_on_workers_that_share_nothing(tmp_path: Path) -> None:
    """The image is sent, the template booted there, and every byte of the tables is the same."""
    spec = tmp_path / "two.yaml"
    spec.write_text(
        "name: two\ntopology: two_host\nlinks: {h1-h2: {rate: 10mbit, delay: 5ms}}\nduration:"
        " 1s\nactions:\n  - {at: 100ms, do: iperf3, from: h1, to: h2, flow: x, until:"
        " 900ms}\nsweep: {parameters: {rtt: {set: links.h1-h2.delay, values: [5ms, 10ms]}}, series:"
        " [throughput], measures: {goodput: flows.x.goodput_bps}}\n"
    )
    whole = run_study(
        load_study(spec, StudyOptions(out=tmp_path / "whole", workplace=GUEST)), jobs=1
    )
    assert (whole.made, whole.failed) == (2, [])
    with (
        cluster(tmp_path, 1, XDG_CACHE_HOME=str(tmp_path / "theirs")) as address,
        ready(address, 1),
    ):
        sent = run_study(
            load_study(spec, StudyOptions(out=tmp_path / "sent", workplace=GUEST)),
            scheduler=address,
        )
    assert (sent.made, sent.failed, sent.left) == (2, [], 0)
    assert hash_tables(sent.path / "tables") == hash_tables(whole.path / "tables")


def test_workers_that_fill_the_machine_have_a_processor_each():
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        pytest.skip("this machine has one processor")
    with local_workers(len(processors)) as client:
        assert sorted(
            sorted(processors) for processors in client.run(os.sched_getaffinity, 0).values()
        ) == [[processor] for processor in processors]
