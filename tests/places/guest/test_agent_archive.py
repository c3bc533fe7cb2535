"""What the guest's agent hands back is a tar, however the files lie across its buffer."""

import importlib.util
import io
import tarfile

import pytest

from tcpexp.places.guest.image import FILES

BLOCK = 4096


class MemoryDevice:
    """A result device of ``blocks`` blocks' buffer that keeps what is written."""

    def __init__(self, blocks):
        self.buffer = bytearray(blocks * BLOCK)
        self.content = bytearray(16 * BLOCK)

    def write_buffer(self, offset, size):
        padded = -(-size // BLOCK) * BLOCK
        self.content[offset : offset + padded] = self.buffer[:padded]


@pytest.fixture(scope="module")
def agent():
    spec = importlib.util.spec_from_file_location("tcpexp_agent", FILES / "agent.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_of_every_size_come_back(agent, tmp_path):
    sizes = (0, 1, 511, 512, 513, 2 * BLOCK - 512, 2 * BLOCK, 5 * BLOCK + 7)
    (tmp_path / "raw" / "logs").mkdir(parents=True)
    for size in sizes:
        (tmp_path / "raw" / f"{size}.bin").write_bytes(bytes(index % 251 for index in range(size)))
    long_name = "raw/logs/" + "ü" * 90 + ".out"
    (tmp_path / long_name).write_text("long")
    device = MemoryDevice(2)
    archive = agent._Archive(device)
    for path in sorted(tmp_path.rglob("*")):
        archive.add(str(path), str(path.relative_to(tmp_path)))
    size = archive.finish()
    with tarfile.open(fileobj=io.BytesIO(device.content[BLOCK : BLOCK + size])) as tar:
        assert tar.getmember("raw/logs").isdir()
        assert tar.extractfile(long_name).read() == b"long"
        for each in sizes:
            assert tar.extractfile(f"raw/{each}.bin").read() == bytes(index % 251 for index in range(each))


def test_a_file_that_became_shorter_keeps_its_place(agent, tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    device = MemoryDevice(1)
    archive = agent._Archive(device)
    archive._put_content(str(tmp_path / "a"), 8)
    archive.finish()
    assert device.content[BLOCK : BLOCK + 9] == b"abc" + bytes(6)
