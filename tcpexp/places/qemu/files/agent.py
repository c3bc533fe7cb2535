"""Run one plan inside the guest: wait for it in memory, mix in the seed, run the engine, hand back
the results.

The agent is imported and ready before any plan exists. It then polls the (still empty) plan device
in virtual time; the machine is stopped meanwhile by its watchdog at a defined instant, saved as a
template, and every run is a copy of that template whose plan device holds a plan. Standard library
and mininet only.
"""

import contextlib
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
from tcpexp.engine import namespaces
from tcpexp.engine.assembly import installed_iproute2
from tcpexp.plan.types import RunPlan, from_json, prepare_types

MAGIC = b"TCPEXP01"
BLOCK = 4096
PLAN_DEVICE = "/dev/tcpexp-plan"
OUT_DEVICE = "/dev/tcpexp-out"
RNDRESEEDCRNG = 0x5207
WORK = Path("/tmp/run")
#: What the kernel derives from the size of its table of connections, which is kept small here
#: (machine.py: thash_entries), as it is with the usual one.
DEFAULTS = {"net/ipv4/tcp_max_tw_buckets": "4096"}
#: Of the result device: the log's size and its complement at the end of block 0; a record's head
#: (offset in the file, bytes, name's bytes).
LOG_SIZE = struct.Struct("<QQ")
RECORD = struct.Struct("<QQH")
#: How often at most the log grows while the run goes on, by how much, how often small gains are
#: taken too, and what is left free for the end.
STREAM_INTERVAL_NS, STREAM_MOST_NS = 900_000_000, 7_900_000_000
STREAM_ALL_EVERY = 10
STREAM_BYTES = 1 << 20
END_BYTES = 64 << 20
#: Files that are only ever appended to: folder and how their names end.
GROWING = {
    "": ("events.jsonl",),
    "raw": (".pcap", ".nl", ".jsonl"),
    "raw/trace": tuple("0123456789"),
    "raw/ss": (".txt", ".nl"),
    "raw/counters": (".txt",),
}
MODULES = (
    "veth",
    "sch_netem",
    "sch_tbf",
    "sch_ingress",
    "sch_codel",
    "sch_fq_codel",
    "sch_cake",
    "sch_red",
    "sch_fq",
    "cls_matchall",
    "cls_bpf",
    "act_mirred",
    "tcp_bbr",
    "tcp_diag",
    "udp_diag",
    "inet_diag",
    "af_packet",
    "nf_tables",
    "nft_compat",
    "xt_tcpudp",
    "x_tables",
    "ip_tables",
    "iptable_filter",
    "tun",
)
TOOLS = (
    ["ip", "-V"],
    ["tc", "-V"],
    ["ss", "-tan"],
    ["ethtool", "--version"],
    ["tcpdump", "--version"],
    ["iperf3", "--version"],
    # keeps its bytecode
    ["env", "PYTHONPATH=/opt/tcpexp", "python3", "-m", "tcpexp.tcp", "--help"],
    ["iptables", "-S"],
    ["ip6tables", "-S"],
    ["mnexec", "-n", "true"],
    ["ping", "-V"],
    ["curl", "--version"],
    ["sysctl", "-n", "kernel.ostype"],
)


class Device:
    """A memory device read and written past the page cache, in whole blocks through one aligned
    buffer.
    """

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
    """Load what nearly every experiment needs: kernel modules, the tools' pages in memory, what the
    engine finds out once.
    """
    prepare_types()
    installed_iproute2()
    namespaces.EARLY_SYSCTLS.update(DEFAULTS)
    subprocess.run(["modprobe", "-a", *MODULES], check=False)
    for argv in TOOLS:
        subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


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
    """Make the kernel's random numbers (ISNs, ports, hash seeds, netem) a function of the run's
    seed.
    """
    with open("/dev/urandom", "wb", buffering=0) as pool:
        pool.write(b"tcpexp seed %d" % seed)
        fcntl.ioctl(pool, RNDRESEEDCRNG)


class ResultLog:
    """What was recorded, as records behind the first block of the result device.

    ``tcpexp/places/qemu/transfer.py`` has the format.

    Files that only grow are appended while the run goes on, the others at its end. A file's content
    is read straight into the device's buffer, which is copied only by the device: here every
    instruction costs.
    """

    def __init__(self, device: Device, folder: Path) -> None:
        self.device = device
        self.folder = str(folder)
        self.view = memoryview(device.buffer)
        self.room = os.lseek(device.file, 0, os.SEEK_END) - BLOCK
        self.copied: dict[str, int] = {}
        self.begin = 0  # where in the log the buffer begins: whole blocks
        self.used = 0
        self.written = 0

    def append_growth(self, least: int, most: int) -> int:
        """Append what the growing files have gained, ``least`` bytes or more of each and at most
        ``most`` of all; return the log's size.

        Room is left for what the end of a run adds; without it nothing is appended.
        """
        most = min(most, self.room - END_BYTES - self.size)
        for copied, path, size in self._growing():
            count = min(size - copied, most)
            if count >= least:
                self._append(path, count)
                most -= count
        return self._flush()

    def append_rest(self) -> int:
        """Append all that is not in the log yet, small files first; return the log's size.

        Raises ``OSError`` when the device is full.
        """
        sizes = {}
        for folder, folders, files in os.walk(self.folder):
            for inner in folders:
                self._put(RECORD.pack(0, 0, len(name := self._name(f"{folder}/{inner}/"))) + name)
            for plain in files:
                status = os.lstat(f"{folder}/{plain}")
                if stat.S_ISREG(status.st_mode):
                    sizes[f"{folder}/{plain}"] = status.st_size
        for path, size in sorted(
            sizes.items(), key=lambda item: (item[1] - self.copied.get(item[0], 0), item[0])
        ):
            copied = self.copied.get(path, 0)
            if size < copied:
                copied = self.copied[path] = 0
            if size > copied or path not in self.copied:
                if self.size + size - copied + 2 * BLOCK > self.room:
                    self._flush()
                    lost = os.path.relpath(path, self.folder)
                    raise OSError(
                        f"{lost} is cut off or missing: the results do not fit into the"
                        f" {self.room >> 20} MiB of the result device"
                    )
                self._append(path, size - copied)
        return self._flush()

    @property
    def size(self) -> int:
        """The log's size in bytes, with what is still in the buffer."""
        return self.begin + self.used

    def _growing(self) -> list[tuple[int, str, int]]:
        """Return how much is copied, path and size of the files that are only ever appended to.

        Those that lag behind come first.
        """
        found = []
        for folder, ends in GROWING.items():
            with (
                contextlib.suppress(FileNotFoundError),
                os.scandir(f"{self.folder}/{folder}") as entries,
            ):
                found += [
                    (self.copied.get(entry.path, 0), entry.path, entry.stat().st_size)
                    for entry in entries
                    if entry.name.endswith(ends)
                ]
        return sorted(found)

    def _name(self, path: str) -> bytes:
        return os.fsencode(path)[len(os.fsencode(self.folder)) + 1 :]

    def _append(self, path: str, size: int) -> None:
        """Append a record with the next ``size`` bytes of a file: zeros for what is missing of one
        that became shorter.
        """
        offset = self.copied.get(path, 0)
        self.copied[path] = offset + size
        name = self._name(path)
        self._put(RECORD.pack(offset, size, len(name)) + name)
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while size > 0:
                count = os.preadv(file, [self.view[self.used : self.used + size]], offset)
                if count == 0:
                    break
                self._advance(count)
                size -= count
                offset += count
        finally:
            os.close(file)
        self._put(bytes(size))

    def _put(self, data: bytes) -> None:
        while data:
            part = data[: len(self.view) - self.used]
            self.view[self.used : self.used + len(part)] = part
            self._advance(len(part))
            data = data[len(part) :]

    def _advance(self, count: int) -> None:
        self.used += count
        if self.used == len(self.view):
            self._flush()

    def _flush(self) -> int:
        """Write the buffer, keep its last, partly filled block; return the log's size."""
        if self.size > self.written:
            self.written = self.size
            self.device.write_buffer(BLOCK + self.begin, self.used)
            whole = self.used // BLOCK * BLOCK
            self.view[: self.used - whole] = self.view[whole : self.used]
            self.begin += whole
            self.used -= whole
        return self.size


class LastWord:
    """Progress and status in the first block of the result device.

    The host reads it from memory.
    """

    def __init__(self) -> None:
        self.device = Device(OUT_DEVICE, os.O_RDWR)
        self.log = ResultLog(Device(OUT_DEVICE, os.O_RDWR, 256), WORK / "out")
        self.log_bytes = 0
        self.streamed_ns = 0
        self.interval_ns = STREAM_INTERVAL_NS
        self.calls = 0

    def __call__(self, phase: str, t_seconds: float) -> None:
        """Say which phase the run is in, and the experiment's time.

        Hand over what was recorded about once a second, less often while there is little.
        """
        now = time.monotonic_ns()
        if now - self.streamed_ns > self.interval_ns:
            self.streamed_ns = now
            self.calls += 1
            least = 1 if self.calls % STREAM_ALL_EVERY == 0 else BLOCK
            before, self.log_bytes = self.log_bytes, self.log.append_growth(least, STREAM_BYTES)
            self.interval_ns = (
                STREAM_INTERVAL_NS
                if self.log_bytes > before
                else min(2 * self.interval_ns, STREAM_MOST_NS)
            )
        self.put({"phase": phase, "t": t_seconds})

    def finish(self) -> None:
        """Hand over all that is left."""
        try:
            self.log_bytes = self.log.append_rest()
        except OSError:
            self.log_bytes = self.log.size
            raise

    def put(self, state: dict[str, Any]) -> None:
        """Write ``state`` as the guest's last word, and how much of the log is there."""
        words = (MAGIC + json.dumps(state).encode()).ljust(BLOCK - LOG_SIZE.size, b"\0")
        self.device.write(0, words + LOG_SIZE.pack(self.log_bytes, self.log_bytes ^ 2**64 - 1))


def write_port(port: int, value: int) -> None:
    """Write one byte to an x86 I/O port, as ``outb`` does (the kernel has no /dev/port)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.iopl(3) != 0:
        raise OSError(ctypes.get_errno(), "iopl")
    code = mmap.mmap(-1, BLOCK, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x89\xfa\x89\xf0\xee\xc3")  # mov edx, edi; mov eax, esi; out dx, al; ret
    outb = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int)(
        ctypes.addressof(ctypes.c_char.from_buffer(code))
    )
    outb(port, value)
    # else every child inherits it, and the kernel looks after it at every switch of processes
    libc.iopl(0)


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
    progress = LastWord()
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

        status = engine.run_plan(
            plan, out / "raw", files, progress=progress, stop=stop, own_kernel=True
        )
        progress("saving", plan.duration_ns / 1e9)
    except BaseException:
        state["error"] = traceback.format_exc()
        traceback.print_exc()
    try:
        progress.finish()
    except BaseException:
        state["error"] = state.get("error", "") + traceback.format_exc()
        traceback.print_exc()
    state["status"] = status
    if "error" in state:
        state["error"] = state["error"][-1500:]
    progress.put(state)
    power_off(0)


if __name__ == "__main__":
    main()
