"""What a script gets from outside: the defines of the suites' runners, by IP version, and the parts
that ``#ifdef`` chooses.

Sources: ``run_all.py`` of github.com/google/packetdrill, ``ksft_runner.sh`` of the kernel's
selftests. The Fast Open cookies are what the key in their ``defaults.sh`` gives for their
addresses.
"""

from __future__ import annotations

import re
from typing import Literal

IpVersion = Literal["ipv4", "ipv6", "ipv4-mapped-ipv6"]
IP_VERSIONS: tuple[IpVersion, ...] = ("ipv4", "ipv6", "ipv4-mapped-ipv6")

_IPV4 = {
    "TFO_COOKIE": "3021b9d889017eeb",
    "TFO_COOKIE_ZERO": "b7c12350a90dc8f5",
    "CODE": "host_unreachable",
    "CMSG_LEVEL_IP": "SOL_IP",
    "CMSG_TYPE_RECVERR": "IP_RECVERR",
}
_OVER_IPV6 = {"CMSG_LEVEL_IP": "SOL_IPV6", "CMSG_TYPE_RECVERR": "IPV6_RECVERR"}
DEFINES: dict[IpVersion, dict[str, str]] = {
    "ipv4": _IPV4,
    "ipv4-mapped-ipv6": {**_IPV4, **_OVER_IPV6},
    "ipv6": {
        "TFO_COOKIE": "c1d1e9742a47a9bc",
        "TFO_COOKIE_ZERO": "82af1a8f9a205c34",
        **_OVER_IPV6,
    },
}
#: Which parts of a script are played: FreeBSD's suite says for some events what the RFCs ask for
#: (STANDARD) and what FreeBSD does instead.
SYSTEMS = frozenset({"STANDARD"})

#: What only scripts for FreeBSD have: its sysctls, and its names of states.
_FREEBSD = re.compile(r"\bnet\.inet\.|\bkern\.|\bTCPI_(?!OPT_)")
_VERSION = re.compile(r"^\s*--ip_version=(\S+)", re.MULTILINE)
_CONDITION = re.compile(r"#(ifdef|ifndef|else|endif)\b\s*(\w*)")


def system_of(text: str) -> str:
    """Return for which system a script was written: FreeBSD by its sysctls and names, else Linux,
    whose language packetdrill's own is.
    """
    return "FreeBSD" if _FREEBSD.search(text) else "Linux"


def versions_of(text: str) -> tuple[IpVersion, ...]:
    """Return the IP versions for which a script is: the one that it names, else all three; of
    FreeBSD's, whose runner names none, packetdrill's own, IPv4.
    """
    named = _VERSION.search(text)
    if named is None and system_of(text) == "FreeBSD":
        return ("ipv4",)
    return tuple(each for each in IP_VERSIONS if named is None or each == named[1]) or ("ipv4",)


def chosen(text: str, systems: frozenset[str] = SYSTEMS) -> str:
    """Return a script whose lines that ``#ifdef`` leaves out, and the conditions, are blank.

    The places of all others stay.
    """
    if "#ifdef" not in text and "#ifndef" not in text:
        return text
    if "drop_synfin=1" in text:  # FreeBSD's own filter, of which STANDARD knows nothing
        systems = frozenset({"FreeBSD"})
    lines = []
    taken: list[bool] = []
    for line in text.splitlines(keepends=True):
        condition = _CONDITION.match(line)
        if condition is not None:
            word, name = condition.groups()
            if word in ("ifdef", "ifndef"):
                taken.append((name in systems) == (word == "ifdef"))
            elif taken and word == "else":
                taken[-1] = not taken[-1]
            elif taken:
                taken.pop()
        keep = condition is None and all(taken)
        lines.append(line if keep else "\n" if line.endswith("\n") else "")
    return "".join(lines)
