"""Say what this guest has: programs, sysctls of a host, congestion controls, queue disciplines.

Standard library only.
"""

import ctypes
import json
import os
import subprocess

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


#: The disciplines that a plan may need (tcpexp/spec/disciplines.py).
QDISCS = [
    "pfifo",
    "bfifo",
    "red",
    "codel",
    "fq_codel",
    "cake",
    "pie",
    "fq_pie",
    "sfq",
    "choke",
    "fq",
    "htb",
    "dualpi2",
    "tbf",
    "netem",
]


def qdiscs() -> list[str]:
    """Return which disciplines the kernel knows: it says of one whether it is unknown to it, before
    it looks at settings.
    """
    found = []
    for name in QDISCS:
        argv = ["tc", "qdisc", "add", "dev", "lo", "root", name, *TRIAL_WORDS.get(name, ())]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if "unknown" not in done.stderr.lower():
            found.append(name)
        subprocess.run(
            ["tc", "qdisc", "del", "dev", "lo", "root"], check=False, capture_output=True
        )
    return found


#: Settings without which tc does not ask the kernel.
TRIAL_WORDS = {
    "tbf": ("rate", "1mbit", "burst", "3028", "limit", "3028"),
    "red": ("limit", "100000", "avpkt", "1000"),
    "choke": ("limit", "100", "bandwidth", "10mbit"),
}


def main() -> None:
    """Write ``inventory.json`` into the run's folder."""
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as file:
        controls = file.read().split()
    facts = {
        "programs": programs(),
        "sysctls": sysctls(),
        "congestion_controls": controls,
        "qdiscs": qdiscs(),
    }
    with open(f"{RUN}/inventory.json", "w") as file:
        json.dump(facts, file)


main()
