"""Run one plan inside the guest: wait for it in memory, mix in the seed, run the engine, hand back the results.

The agent is imported and ready before any plan exists. It then polls the (still empty) plan device in virtual time; the
machine is stopped meanwhile by its watchdog at a defined instant, saved as a template, and every run is a copy of
that template whose plan device holds a plan. Standard library and mininet only.
"""

import ctypes
import fcntl
import io
import json
import mmap
import os
import stat
import struct
import subprocess
import sys
import tarfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, "/opt/tcpexp")

from tcpexp.engine import main as engine
from tcpexp.plan.types import RunPlan, from_json

MAGIC = b"TCPEXP01"
BLOCK = 4096
PLAN_DEVICE = "/dev/tcpexp-plan"
OUT_DEVICE = "/dev/tcpexp-out"
RNDRESEEDCRNG = 0x5207
WORK = Path("/tmp/run")
MODULES = (
    "veth", "sch_netem", "sch_tbf", "sch_ingress", "sch_codel", "sch_fq_codel", "sch_cake", "sch_red", "sch_fq",
    "cls_matchall", "act_mirred", "tcp_bbr", "tcp_diag", "udp_diag", "inet_diag", "af_packet", "nf_tables", "nft_compat",
    "xt_tcpudp", "x_tables", "ip_tables", "iptable_filter",
)  # fmt: skip
TOOLS = (
    ["ip", "-V"], ["tc", "-V"], ["ss", "-tan"], ["ethtool", "--version"], ["tcpdump", "--version"], ["iperf3", "--version"],
    ["iptables", "-S"], ["mnexec", "-n", "true"], ["ping", "-V"], ["curl", "--version"], ["sysctl", "-n", "kernel.ostype"],
)  # fmt: skip


class Device:
    """A memory device read and written past the page cache, in whole blocks through one aligned buffer."""

    def __init__(self, path: str, flags: int, blocks: int = 1) -> None:
        self.file = os.open(path, flags | os.O_DIRECT | os.O_CLOEXEC)
        self.buffer = mmap.mmap(-1, blocks * BLOCK)

    def read(self, offset: int) -> bytes:
        """Read one buffer's worth at ``offset`` (a multiple of the block)."""
        os.lseek(self.file, offset, os.SEEK_SET)
        count = os.readv(self.file, [self.buffer])
        return self.buffer[:count]

    def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``, padded to whole blocks."""
        self.buffer[: len(data)] = data
        self.write_buffer(offset, len(data))

    def write_buffer(self, offset: int, size: int) -> None:
        """Write the first ``size`` bytes of the buffer at ``offset``, padded to whole blocks."""
        padded = -(-size // BLOCK) * BLOCK
        self.buffer[size:padded] = bytes(padded - size)
        if os.pwritev(self.file, [memoryview(self.buffer)[:padded]], offset) != padded:
            raise OSError("short write to the result device")


def warm_up() -> None:
    """Load what nearly every experiment needs: kernel modules, and the tools' pages in memory."""
    subprocess.run(["modprobe", "-a", *MODULES], check=False)
    for argv in TOOLS:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def wait_for_plan(device: Device) -> tuple[dict[str, Any], bytes]:
    """Poll for the plan; return its header and its archive."""
    while True:
        head = device.read(0)
        if head[:8] == MAGIC:
            break
        time.sleep(0.01)
    size = struct.unpack_from("<Q", head, 8)[0]
    header = json.loads(head[16:BLOCK].split(b"\0", 1)[0])
    bulk = Device(PLAN_DEVICE, os.O_RDONLY, 256)
    parts, offset = [], 2 * BLOCK
    while size > 0:
        part = bulk.read(offset)[:size]
        parts.append(part)
        size -= len(part)
        offset += len(part)
    return header, b"".join(parts)


def mix_seed(seed: int) -> None:
    """Make the kernel's random numbers (ISNs, ports, hash seeds, netem) a function of the run's seed."""
    with open("/dev/urandom", "wb", buffering=0) as pool:
        pool.write(b"tcpexp seed %d" % seed)
        fcntl.ioctl(pool, RNDRESEEDCRNG)


class Progress:
    """Progress and status in the first block of the result device; the host reads it from memory."""

    def __init__(self) -> None:
        self.device = Device(OUT_DEVICE, os.O_RDWR)

    def __call__(self, phase: str, t_seconds: float) -> None:
        """Say which phase the run is in, and the experiment's time."""
        self.put({"phase": phase, "t": t_seconds})

    def put(self, state: dict[str, Any]) -> None:
        """Write ``state`` as the guest's last word."""
        self.device.write(0, MAGIC + json.dumps(state).encode())


def write_results(folder: Path) -> int:
    """Write the run's files as a tar behind the first block; return its size."""
    archive = _Archive(Device(OUT_DEVICE, os.O_RDWR, 256))
    for path in sorted(folder.rglob("*")):
        archive.add(str(path), str(path.relative_to(folder)))
    return archive.finish()


class _Archive:
    """A tar written in large pieces: a file's content is read straight into the device's buffer, which is copied only by the device.

    ``tarfile`` would take each piece of 16 KiB through four buffers, and here every instruction costs.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.view = memoryview(device.buffer)
        self.used = 0
        self.written = 0

    def add(self, path: str, name: str) -> None:
        """Add a folder or a file; what is neither has nothing to hand back."""
        status = os.lstat(path)
        info = tarfile.TarInfo(name)
        info.mtime = status.st_mtime
        if stat.S_ISDIR(status.st_mode):
            info.type = tarfile.DIRTYPE
            self._put(info.tobuf(tarfile.PAX_FORMAT))
        elif stat.S_ISREG(status.st_mode):
            info.size = status.st_size
            self._put(info.tobuf(tarfile.PAX_FORMAT))
            self._put_content(path, status.st_size)
            self._put(bytes(-status.st_size % tarfile.BLOCKSIZE))

    def finish(self) -> int:
        """Write the archive's end and what is still in the buffer; return the archive's size in bytes."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        size = self.written + self.used
        self._flush()
        return size

    def _put(self, data: bytes) -> None:
        while data:
            part = data[: len(self.view) - self.used]
            self.view[self.used : self.used + len(part)] = part
            self._advance(len(part))
            data = data[len(part) :]

    def _put_content(self, path: str, size: int) -> None:
        """Put exactly ``size`` bytes: zeros for what is missing of a file that became shorter."""
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while size > 0:
                count = os.readv(file, [self.view[self.used : self.used + size]])
                if count == 0:
                    break
                self._advance(count)
                size -= count
        finally:
            os.close(file)
        self._put(bytes(size))

    def _advance(self, count: int) -> None:
        self.used += count
        if self.used == len(self.view):
            self._flush()

    def _flush(self) -> None:
        self.device.write_buffer(BLOCK + self.written, self.used)
        self.written += self.used
        self.used = 0


def write_port(port: int, value: int) -> None:
    """Write one byte to an x86 I/O port, as ``outb`` does (the kernel has no /dev/port)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.iopl(3) != 0:
        raise OSError(ctypes.get_errno(), "iopl")
    code = mmap.mmap(-1, BLOCK, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x89\xfa\x89\xf0\xee\xc3")  # mov edx, edi; mov eax, esi; out dx, al; ret
    outb = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    outb(port, value)
    libc.iopl(0)  # else every child inherits it, and the kernel looks after it at every switch of processes


def set_watchdog() -> None:
    """Start the ib700 watchdog (2 s): it stops the machine at a defined virtual instant."""
    write_port(0x443, 0x0E)


def power_off(status: int) -> None:
    """End the virtual machine at once (isa-debug-exit: QEMU exits with 2 * status + 1)."""
    write_port(0xF4, status)
    time.sleep(3600)  # a newer QEMU notes the request and ends the machine when it is idle


def main() -> None:
    """Wait for a plan, run it, hand back the results."""
    warm_up()
    device = Device(PLAN_DEVICE, os.O_RDONLY)
    progress = Progress()
    progress.put({"phase": "ready", "t": 0})
    if "tcpexp.direct" not in Path("/proc/cmdline").read_text():
        set_watchdog()
    header, archive = wait_for_plan(device)
    mix_seed(header["seed"])
    status = 70
    state: dict[str, Any] = {"phase": "done", "t": 0.0}
    try:
        files = WORK / "files"
        files.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(files)
        plan = from_json((files / "plan.json").read_text(), RunPlan)
        out = WORK / "out"
        (out / "raw").mkdir(parents=True)

        def stop() -> bool:
            return device.read(BLOCK)[:4] == b"STOP"

        status = engine.run_plan(plan, out / "raw", files, progress=progress, stop=stop)
        progress("saving", plan.duration_ns / 1e9)
    except BaseException:
        state["error"] = traceback.format_exc()
        traceback.print_exc()
    try:
        state["size"] = write_results(WORK / "out")
    except BaseException:
        state["error"] = state.get("error", "") + traceback.format_exc()
        traceback.print_exc()
    state["status"] = status
    progress.put(state)
    power_off(0)


if __name__ == "__main__":
    main()
