"""Say what this guest has: programs, sysctls of a host, congestion controls.

Standard library only.
"""

import ctypes
import json
import os

RUN = "/opt/tcpexp/run"
SYSCTLS = "/proc/sys"
CLONE_NEWNET = 0x40000000


def programs() -> list[str]:
    """Return the names of the programs on the PATH."""
    found = set()
    for folder in os.environ["PATH"].split(":"):
        found |= {name for name in os.listdir(folder) if os.access(f"{folder}/{name}", os.X_OK)}
    return sorted(found)


def sysctls() -> list[str]:
    """Return the names of the settings that a host of an experiment has, with dots."""
    ctypes.CDLL(None).unshare(CLONE_NEWNET)
    found = []
    for folder, _, files in os.walk(SYSCTLS):
        found += [f"{folder}/{name}"[len(SYSCTLS) + 1 :].replace("/", ".") for name in files]
    return sorted(found)


def main() -> None:
    """Write ``inventory.json`` into the run's folder."""
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as file:
        controls = file.read().split()
    facts = {"programs": programs(), "sysctls": sysctls(), "congestion_controls": controls}
    with open(f"{RUN}/inventory.json", "w") as file:
        json.dump(facts, file)


main()
