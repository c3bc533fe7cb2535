"""What the guest's agent hands back is a log of records that the host writes as files, while the
run goes on and at its end.
"""

import importlib.util
import os

import pytest

from tcpexp.places.qemu import transfer
from tcpexp.places.qemu.template import FILES

BLOCK = 4096
BUFFER_BLOCKS = 2


class FileDevice:
    """A result device that is a plain file, with a small buffer."""

    def __init__(self, path, size=64 * BLOCK):
        path.write_bytes(bytes(size))
        self.file = os.open(path, os.O_RDWR)
        self.buffer = bytearray(BUFFER_BLOCKS * BLOCK)
        self.written = 0

    def write_buffer(self, offset, size):
        assert offset % BLOCK == 0
        padded = -(-size // BLOCK) * BLOCK
        self.buffer[size:padded] = bytes(padded - size)
        self.written += os.pwrite(self.file, self.buffer[:padded], offset)


@pytest.fixture(scope="module")
def agent():
    spec = importlib.util.spec_from_file_location("tcpexp_agent", FILES / "agent.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sides(agent, tmp_path, monkeypatch):
    """The guest's folder, its log, and the host's folder with a function that follows to a given
    size.
    """
    guest, host = tmp_path / "guest", tmp_path / "host"
    (guest / "raw" / "trace").mkdir(parents=True)
    host.mkdir()
    device = FileDevice(tmp_path / "device")
    log = agent.ResultLog(device, guest)
    monkeypatch.setattr(agent, "END_BYTES", BLOCK)  # the device is small
    seen = transfer.ResultDevice(tmp_path / "device")

    def follow(size):
        os.pwrite(device.file, agent.LOG_SIZE.pack(size, size ^ 2**64 - 1), BLOCK - 16)
        return seen.follow(host)

    return guest, log, host, follow


def content(size, start=0):
    return bytes((start + index) % 251 for index in range(size))


def test_files_of_every_size_come_back(sides):
    guest, log, host, follow = sides
    sizes = (0, 1, 511, 4095, 4096, 4097, 2 * BLOCK, 5 * BLOCK + 7)
    for size in sizes:
        (guest / "raw" / f"{size}.bin").write_bytes(content(size))
    (guest / "raw" / "empty").mkdir()
    long_name = "raw/" + "ü" * 90 + ".out"
    (guest / long_name).write_text("long")
    follow(log.append_rest())
    assert (host / "raw" / "empty").is_dir()
    assert (host / long_name).read_text() == "long"
    for size in sizes:
        assert (host / "raw" / f"{size}.bin").read_bytes() == content(size)
        assert (host / "raw" / f"{size}.bin").stat().st_mode & 0o777 == 0o644


def test_growing_files_are_followed_and_no_byte_is_copied_twice(sides):
    guest, log, host, follow = sides
    capture, other = guest / "raw" / "h1-eth0.pcap", guest / "raw" / "engine.json"
    other.write_text("{}")
    total = 0
    for step in (10, 5000, 0, 3, 9000):
        with capture.open("ab") as file:
            file.write(content(step, total))
        total += step
        follow(log.append_growth(1, 1 << 20))
        assert (host / "raw" / "h1-eth0.pcap").read_bytes() == content(total)
    assert not (host / "raw" / "engine.json").exists()
    follow(log.append_rest())
    assert (host / "raw" / "engine.json").read_text() == "{}"
    assert (host / "raw" / "h1-eth0.pcap").read_bytes() == content(total)
    assert log.size < total + 400


def test_nothing_is_written_when_nothing_grew(sides):
    guest, log, _host, _follow = sides
    (guest / "raw" / "h1-eth0.pcap").write_bytes(content(5000))
    log.append_growth(1, 1 << 20)
    before = log.device.written
    log.append_growth(1, 1 << 20)
    assert log.device.written == before


def test_small_gains_wait_and_large_ones_are_bounded(sides):
    guest, log, host, follow = sides
    (guest / "raw" / "a.pcap").write_bytes(content(6000))
    (guest / "raw" / "b.pcap").write_bytes(content(6000))
    (guest / "raw" / "cpu.jsonl").write_text("{}\n")
    follow(log.append_growth(1000, 7000))
    assert (host / "raw" / "a.pcap").stat().st_size == 6000
    assert (host / "raw" / "b.pcap").stat().st_size == 1000
    assert not (host / "raw" / "cpu.jsonl").exists()


def test_a_file_that_became_shorter_begins_anew(sides):
    guest, log, host, follow = sides
    path = guest / "raw" / "cpu.jsonl"
    path.write_bytes(content(5000))
    follow(log.append_growth(1, 1 << 20))
    path.write_bytes(b"short")
    follow(log.append_rest())
    assert (host / "raw" / "cpu.jsonl").read_bytes() == b"short"


def test_what_does_not_fit_is_an_error_and_the_rest_is_kept(sides):
    guest, log, host, follow = sides
    (guest / "raw" / "a.pcap").write_bytes(content(20 * BLOCK))
    follow(log.append_growth(1, 1 << 20))
    (guest / "raw" / "big.bin").write_bytes(content(60 * BLOCK))
    (guest / "raw" / "engine.json").write_text("{}")
    with pytest.raises(OSError, match=r"raw/big\.bin is cut off or missing"):
        log.append_rest()
    follow(log.size)
    assert (host / "raw" / "engine.json").read_text() == "{}"
    assert (host / "raw" / "a.pcap").read_bytes() == content(20 * BLOCK)
