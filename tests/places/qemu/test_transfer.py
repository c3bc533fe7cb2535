"""Plans go in and results come out through plain files; what does not fit is refused."""

import io
import json
import struct
import tarfile

import pytest

from tcpexp.errors import RunError
from tcpexp.places.qemu import transfer
from tcpexp.places.qemu.machine import PLAN_BYTES
from tcpexp.plan.types import Needs, NetworkPlan, PlanFile, RunPlan, from_json, to_execute


def a_plan(*files: PlanFile) -> RunPlan:
    network = NetworkPlan("none", (), (), ())
    return RunPlan(
        "x", "x", "", (), 7, 10**9, network, (), (), (), (), (), (), "", tuple(files), Needs()
    )


@pytest.fixture
def plan_device(tmp_path):
    path = tmp_path / "plan"
    transfer.make_device_file(path, PLAN_BYTES)
    return path


def test_plan_device_holds_seed_and_files(plan_device):
    plan = a_plan(PlanFile("apps/a.py", "print(1)\n"), PlanFile("b.bin", "AAEC", binary=True))
    transfer.write_plan(plan_device, plan)
    data = plan_device.read_bytes()[: 1 << 20]
    assert data[:8] == transfer.MAGIC
    size = struct.unpack_from("<Q", data, 8)[0]
    assert json.loads(data[16:4096].split(b"\0", 1)[0]) == {"seed": 7}
    with tarfile.open(fileobj=io.BytesIO(data[8192 : 8192 + size])) as archive:
        shipped = from_json(archive.extractfile("plan.json").read().decode(), RunPlan)
        assert shipped == to_execute(plan)
        assert archive.extractfile("apps/a.py").read() == b"print(1)\n"
        assert archive.extractfile("b.bin").read() == b"\0\1\2"


def test_stop_is_a_word_in_the_second_block(plan_device):
    transfer.write_plan(plan_device, a_plan())
    transfer.request_stop(plan_device)
    assert plan_device.read_bytes()[4096:4100] == b"STOP"


def test_too_large_a_plan_is_refused(plan_device):
    with pytest.raises(RunError, match="at most 128 MiB"):
        transfer.write_plan(plan_device, a_plan(PlanFile("big", "x" * PLAN_BYTES)))


def record(name: str, content: bytes, offset: int = 0) -> bytes:
    return struct.pack("<QQH", offset, len(content), len(name)) + name.encode() + content


def device_with(
    tmp_path, log: bytes, state: dict, size: int | None = None
) -> transfer.ResultDevice:
    path = tmp_path / "out"
    size = len(log) if size is None else size
    head = (transfer.MAGIC + json.dumps(state).encode()).ljust(4080, b"\0") + struct.pack(
        "<QQ", size, size ^ 2**64 - 1
    )
    path.write_bytes(head + log)
    return transfer.ResultDevice(path)


def test_results_are_written_and_state_is_read(tmp_path):
    device = device_with(
        tmp_path,
        record("raw/h1-eth0.pcap", b"abc") + record("raw/h1-eth0.pcap", b"de", 3),
        {"phase": "done"},
    )
    assert device.state() == {"phase": "done"}
    target = tmp_path / "run"
    target.mkdir()
    assert device.follow(target) > 0
    assert (target / "raw/h1-eth0.pcap").read_bytes() == b"abcde"
    device.close()
    assert not device.path.exists()


def test_a_size_that_is_being_written_is_not_believed(tmp_path):
    device = device_with(tmp_path, record("a", b"abc"), {})
    with device.path.open("r+b") as file:
        file.seek(4080)
        file.write(b"\1")
    assert device.follow(tmp_path) == 0
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("log", [b"\xff" * 100, record("a", b"abc")[:-1], b"\0" * 7])
def test_damaged_results_are_an_error_and_not_a_run(tmp_path, log):
    with pytest.raises(RunError, match="cannot be unpacked"):
        device_with(tmp_path, log, {}).follow(tmp_path)


def test_a_log_longer_than_the_device_is_refused(tmp_path):
    with pytest.raises(RunError, match="do not fit"):
        device_with(tmp_path, b"", {}, size=1 << 40).follow(tmp_path)


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "raw/../../escaped", "", "/"])
def test_a_result_cannot_leave_the_run_directory(tmp_path, name):
    target = tmp_path / "run"
    target.mkdir()
    with pytest.raises(RunError, match="not a file of the run"):
        device_with(tmp_path, record(name, b"x"), {}).follow(target)
    assert not (tmp_path / "escaped").exists()


def test_state_is_empty_before_the_guest_says_anything(tmp_path):
    path = tmp_path / "out"
    transfer.make_device_file(path, 8192)
    assert transfer.ResultDevice(path).state() == {}
