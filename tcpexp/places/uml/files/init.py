"""Process 1 of the User-Mode Linux guest: mount what a system needs, run the agent, switch off.

Standard library only. The kernel's command line is the environment of this process. Every path of
this machine is spelled from the kernel process's own folder, so that the command line, and with it
the kernel's random pool, is the same for every user and every folder.
"""

import ctypes
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
HOST = "/proc/self/cwd"
READ_ONLY = 1
#: Type, target, options (mount(2)'s data), flags; a folder of this machine is a hostfs mount.
MOUNTS = (
    ("proc", "/proc", "", 0),
    ("sysfs", "/sys", "", 0),
    ("devtmpfs", "/dev", "", 0),
    ("devpts", "/dev/pts", "ptmxmode=666", 0),
    ("tmpfs", "/dev/shm", "", 0),
    ("tmpfs", "/run", "", 0),
    ("tmpfs", "/tmp", "size=90%", 0),
    ("tmpfs", "/var/tmp", "", 0),
    ("tmpfs", "/root", "", 0),
    ("cgroup2", "/sys/fs/cgroup", "", 0),
    ("tracefs", "/sys/kernel/tracing", "", 0),
    ("bpf", "/sys/fs/bpf", "", 0),
    ("hostfs", "/opt/tcpexp/engine", f"{HOST}/engine", READ_ONLY),
    ("hostfs", "/opt/tcpexp/run", f"{HOST}/run", 0),
)
OPTIONAL = ("devtmpfs", "bpf", "cgroup2")
POWER_OFF = 0x4321FEDC


def mount(kind: str, target: str, options: str, flags: int) -> None:
    """Mount a file system; the folders of /dev are made first. Raises ``OSError``."""
    if target.startswith("/dev/"):
        os.makedirs(target, exist_ok=True)
    if LIBC.mount(b"none", target.encode(), kind.encode(), flags, options.encode()) != 0:
        number = ctypes.get_errno()
        if kind not in OPTIONAL:
            raise OSError(number, f"mount {kind}: {os.strerror(number)}", target)


def prepare() -> None:
    """Make a system of the bare root file system."""
    for line in MOUNTS:
        mount(*line)
    name = b"tcpexp"
    LIBC.sethostname(name, len(name))


def main() -> None:
    """Run the program of the command line in a child, collect what is orphaned, switch off."""
    prepare()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir("/tmp")
        os.execv(sys.executable, [sys.executable, "-B", *sys.argv[1:]])
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    if status:
        print(f"TCPEXP-AGENT-ENDED {os.waitstatus_to_exitcode(status)}", flush=True)
    LIBC.reboot(POWER_OFF)


if __name__ == "__main__":
    main()
