"""A capture that is dissected while it grows gives the same tables as one that is dissected afterwards, or none."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tcpexp.ingest.ingest import ingest_run
from tcpexp.ingest.live import LiveDissection
from tcpexp.ingest.tshark import tshark_argv, tshark_environment
from tcpexp.store.tables import TABLES

DATA = Path(__file__).parent / "data"
NAMES = ("h1-eth0", "h2-eth0")
pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark")


def source(name):
    return (DATA / f"tcpdump-4.99-lossy-{name}.pcap").read_bytes()


def grow(raw, name, until, begin=0):
    with (raw / f"{name}.pcap").open("ab") as file:
        file.write(source(name)[begin:until])


@pytest.fixture
def live(tmp_path):
    """Two captures that have grown by a part that ends within a packet."""
    dissection = LiveDissection(tmp_path, 2)
    for name in NAMES:
        grow(tmp_path, name, 5001)
    yield dissection
    dissection.close()


def afresh(path):
    argv = tshark_argv(path)
    return subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, env=tshark_environment(), check=True).stdout


def test_the_text_is_that_of_the_whole_file(live, tmp_path):
    for name in NAMES:
        grow(tmp_path, name, None, 5001)
    for name in NAMES:
        path = tmp_path / f"{name}.pcap"
        assert live.text(path) == afresh(path)


def test_the_tables_are_equal(lossy_run, tmp_path_factory):
    raw = tmp_path_factory.mktemp("growing")
    dissection = LiveDissection(raw, 2)
    for begin, until in ((0, 24), (24, 9000), (9000, None)):
        for name in NAMES:
            grow(raw, name, until, begin)
    texts = {f"{name}.pcap": dissection.text(raw / f"{name}.pcap") for name in NAMES}
    dissection.close()
    assert all(texts.values())
    alive = {name: ingest_run(lossy_run, dissected=lambda path: texts[path.name]).table(name) for name in TABLES}
    after = {name: ingest_run(lossy_run).table(name) for name in TABLES}
    for name in TABLES:
        assert alive[name].equals(after[name]), name
    assert after["packets"].height > 500


def test_a_capture_that_grows_after_its_end_is_dissected_afresh(live, tmp_path):
    path = tmp_path / "h1-eth0.pcap"
    grow(tmp_path, "h1-eth0", None, 5001)
    assert live.text(path) is not None
    path.write_bytes(path.read_bytes() + source("h2-eth0")[24:])
    assert live.text(path) is None


def test_a_capture_that_is_cut_off_is_dissected_afresh(live, tmp_path):
    assert live.text(tmp_path / "h1-eth0.pcap") is None


def test_a_capture_too_many_is_dissected_afresh(live, tmp_path):
    for name in NAMES:
        grow(tmp_path, name, None, 5001)
    for name in NAMES:
        assert live.text(tmp_path / f"{name}.pcap") is not None
    shutil.copy(tmp_path / "h1-eth0.pcap", tmp_path / "h3-eth0.pcap")
    assert live.text(tmp_path / "h3-eth0.pcap") is None


def test_nothing_is_left_after_close(tmp_path):
    dissection = LiveDissection(tmp_path, 3)
    grow(tmp_path, "h1-eth0", 5001)
    dissection.close()
    for reader in dissection._readers:
        assert not reader.is_alive()
        assert reader._process is None or reader._process.poll() is not None
