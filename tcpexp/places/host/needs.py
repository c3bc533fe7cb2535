"""What a machine has and lacks for a plan, found by trying, with the package or kernel option that
provides what is missing.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tcpexp.errors import Missing
from tcpexp.machine.hints import modules_words
from tcpexp.paths import PACKAGE
from tcpexp.places.asked import PACKAGES, PER_INTERFACE, asked_sysctls, default_algorithms
from tcpexp.places.host.modules import missing_for_modules
from tcpexp.places.host.space import try_inside
from tcpexp.plan.types import Needs, RunPlan

#: What the engine itself calls, whatever the plan.
ENGINE_TOOLS = ("mnexec", "unshare", "setpriv", "ip", "tc")
#: How each qdisc is tried; those that are not here need no parameters.
TRIAL_WORDS = {
    "tbf": ("rate", "1mbit", "burst", "3028", "limit", "3028"),
    "netem": ("delay", "1ms"),
    "red": ("limit", "100000", "avpkt", "1000"),
    "gred": ("setup", "DPs", "1", "default", "0"),
    "bfifo": ("limit", "10000"),
    "pfifo": ("limit", "10"),
    "choke": ("limit", "100", "bandwidth", "10mbit"),
}
#: Where the option's name is not the qdisc's.
KERNEL_OPTIONS = {
    "clsact": "CONFIG_NET_SCH_INGRESS",
    "ingress": "CONFIG_NET_SCH_INGRESS",
    "pfifo": "CONFIG_NET_SCH_FIFO",
    "bfifo": "CONFIG_NET_SCH_FIFO",
}
QDISC_USES = {
    "netem": "delay, jitter, loss and other faults of links",
    "tbf": "the rate of links",
    "clsact": "links with a rate, a delay or faults",
}
ALLOWED_PATH = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
AVAILABLE_PATH = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
FAULT_OBJECT = PACKAGE / "engine" / "faults" / "segments.bpf.o"


def find_missing(plan: RunPlan, *, allow_modules: bool = False) -> tuple[Missing, ...]:
    """Return everything that this machine lacks to run ``plan`` on its own kernel.

    ``allow_modules``: the plan's own congestion controls may be loaded into it.
    """
    tools = missing_tools((*ENGINE_TOOLS, *plan.needs.tools))
    if os.geteuid() != 0:
        return (*missing_root(), *tools)
    if any(lack.what in ("program unshare", "program tc") for lack in tools):
        return tools
    own = {module.name for module in plan.modules}
    algorithms = [name for name in plan.needs.congestion_controls if name not in own]
    defaults = [name for name in default_algorithms(plan) if name not in own]
    return (
        *tools,
        *missing_namespaces(),
        *missing_qdiscs(plan.needs.qdiscs),
        *missing_wire_filter(plan),
        *missing_congestion_controls(algorithms),
        *missing_default_congestion_controls(defaults),
        *missing_for_modules(plan, allowed=allow_modules),
        *missing_features(plan.needs),
        *missing_sysctls(asked_sysctls(plan)),
    )


def missing_root() -> tuple[Missing, ...]:
    """Return that this process is not root."""
    return (
        Missing(
            "root",
            "network namespaces and qdiscs of this machine",
            "run it with sudo, or use --on guest",
        ),
    )


def missing_tools(tools: Iterable[str]) -> tuple[Missing, ...]:
    """Return the programs that are not on the PATH (nor where root has them), each with its
    package.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return tuple(
        Missing(f"program {tool}", "this experiment", f"apt install {PACKAGES.get(tool, tool)}")
        for tool in dict.fromkeys(tools)
        if shutil.which(tool, path=path) is None
    )


def missing_namespaces() -> tuple[Missing, ...]:
    """Return that this kernel, or a container around us, allows no network namespace."""
    argv = ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode == 0:
        return ()
    remedy = (
        "run on a machine or virtual machine of your own (a container needs --privileged), or use"
        " --on guest"
    )
    return (Missing("namespaces", f"hosts of the experiment ({done.stderr.strip()})", remedy),)


def missing_qdiscs(names: Iterable[str]) -> tuple[Missing, ...]:
    """Return the queueing disciplines that this kernel has not.

    Each is tried in a throw-away network namespace.
    """
    return tuple(
        Missing(
            f"qdisc {name}",
            QDISC_USES.get(name, "the queue of a link"),
            kernel_remedy(qdisc_option(name), f"sch_{name}"),
        )
        for name in dict.fromkeys(names)
        if not has_qdisc(name)
    )


def qdisc_option(name: str) -> str:
    """Return the kernel option that provides a qdisc."""
    return KERNEL_OPTIONS.get(name, f"CONFIG_NET_SCH_{name.upper()}")


@cache
def has_qdisc(name: str) -> bool:
    """Return whether the kernel knows a qdisc; tc loads its module where there is one."""
    place = [] if name in ("clsact", "ingress") else ["root"]
    done = _try_tc(["qdisc", "add", "dev", "lo", *place, name, *TRIAL_WORDS.get(name, ())])
    return (
        "is unknown" not in done.stderr
        and "Unknown qdisc" not in done.stderr
        and "not found" not in done.stderr
    )


def missing_wire_filter(plan: RunPlan) -> tuple[Missing, ...]:
    """Return what carries packets across a wire and is not there: a classifier that matches all,
    and the mirror action.
    """
    if not any(link.wire for link in plan.network.links) or has_wire_filter():
        return ()
    remedy = kernel_remedy(
        "CONFIG_NET_CLS_MATCHALL and CONFIG_NET_ACT_MIRRED", "cls_matchall act_mirred"
    )
    return (
        Missing(
            "tc filter matchall (or u32) with mirred",
            "links with a rate, a delay or faults",
            remedy,
        ),
    )


@cache
def has_wire_filter() -> bool:
    """Return whether ``matchall`` or ``u32`` works with ``mirred`` here."""
    script = "tc qdisc add dev lo clsact && for match in matchall 'u32 match u32 0 0'; do "
    script += (
        "tc filter add dev lo ingress protocol all $match action mirred egress mirror dev lo drop"
        " && exit 0; done; exit 1"
    )
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], capture_output=True, check=False, timeout=20
    )
    return done.returncode == 0


def missing_congestion_controls(names: Iterable[str]) -> tuple[Missing, ...]:
    """Return the congestion controls that this kernel has neither built in nor as a module."""
    found = []
    for name in dict.fromkeys(names):
        if name in available_congestion_controls():
            continue
        if shutil.which("modprobe"):
            subprocess.run(
                ["modprobe", "-q", f"tcp_{name}"], capture_output=True, check=False, timeout=20
            )
        if name not in available_congestion_controls():
            remedy = kernel_remedy(f"CONFIG_TCP_CONG_{name.upper()}", f"tcp_{name}")
            found.append(Missing(f"congestion control {name}", "a flow of this experiment", remedy))
    return tuple(found)


def available_congestion_controls() -> list[str]:
    """Return the congestion controls that are loaded."""
    return AVAILABLE_PATH.read_text().split()


def missing_default_congestion_controls(names: Iterable[str]) -> tuple[Missing, ...]:
    """Return those that a namespace may not make its default because the machine restricts them."""
    allowed = ALLOWED_PATH.read_text().split()
    known = available_congestion_controls()
    wanted = [name for name in names if name in known and name not in allowed]
    if not wanted:
        return ()
    value = " ".join([*allowed, *wanted])
    remedy = f'sysctl -w net.ipv4.tcp_allowed_congestion_control="{value}"'
    return (
        Missing(
            f"permission to use {', '.join(wanted)} as a host's default",
            "the sysctl of this experiment",
            remedy,
        ),
    )


def missing_features(needs: Needs) -> tuple[Missing, ...]:
    """Return the kernel features of ``needs.features`` that are not there.

    ``tracefs`` is never missing: recorders fall back.
    """
    found: list[Missing] = []
    for name in needs.features:
        if name in ("netem", "tbf", "clsact") and not has_qdisc(name):
            found += missing_qdiscs((name,))
        elif name == "ifb" and not has_link_type("ifb"):
            found.append(
                Missing("device type ifb", "this experiment", kernel_remedy("CONFIG_IFB", "ifb"))
            )
        elif name in ("iptables", "ip6tables") and shutil.which(name) and not has_iptables(name):
            remedy = kernel_remedy(
                "CONFIG_NF_TABLES and CONFIG_NETFILTER_XTABLES", "nf_tables x_tables"
            )
            found.append(Missing(f"{name} in this kernel", "firewall actions", remedy))
        elif name == "ipv6" and not Path("/proc/sys/net/ipv6").is_dir():
            remedy = "boot without ipv6.disable=1, or use --on guest, whose kernel has it"
            found.append(Missing("IPv6 in this kernel", "a topology with ip: 6", remedy))
        elif name == "tun" and not Path("/dev/net/tun").exists():
            found.append(
                Missing("TUN devices", "the user-space TCP", kernel_remedy("CONFIG_TUN", "tun"))
            )
        elif name == "mptcp" and not Path("/proc/sys/net/mptcp").is_dir():
            remedy = kernel_remedy("CONFIG_MPTCP", "mptcp")
            found.append(Missing("MPTCP in this kernel", "MPTCP sockets", remedy))
        elif name == "segment_faults":
            found += missing_for_faults()
    return tuple(found)


def missing_sysctls(names: Iterable[str]) -> tuple[Missing, ...]:
    """Return the settings that a network namespace of this kernel has not."""
    wanted = [name for name in names if not any(word in name for word in PER_INTERFACE)]
    known = namespace_sysctls() if wanted else frozenset()
    remedy = "another kernel may have it, and so may the guest's: --on guest"
    return tuple(
        Missing(f"sysctl {name}", "a host of this experiment", remedy)
        for name in wanted
        if known and name not in known
    )


@cache
def namespace_sysctls() -> frozenset[str]:
    """Return the settings below net of a new network namespace, with dots.

    None when they cannot be listed.
    """
    argv = [
        "unshare",
        "--net",
        "--mount",
        "sh",
        "-c",
        "mount -t proc proc /proc && find /proc/sys/net -type f",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    return (
        frozenset(line.removeprefix("/proc/sys/").replace("/", ".") for line in done.stdout.split())
        if done.returncode == 0
        else frozenset()
    )


def missing_for_faults() -> tuple[Missing, ...]:
    """Return what faults on chosen segments lack here: found by loading their program as the engine
    does.
    """
    complaint = fault_program_complaint()
    if complaint is None:
        return ()
    use = f"faults on chosen segments ({complaint.splitlines()[0][:200]})"
    if "without libbpf" in complaint:
        return (
            Missing(
                "tc with libbpf",
                use,
                "apt install iproute2 of Debian 12, Ubuntu 22.04 or later, or use --on guest",
            ),
        )
    if "classifier not found" in complaint.lower() or "unknown filter" in complaint.lower():
        return (Missing("tc filter bpf", use, kernel_remedy("CONFIG_NET_CLS_BPF", "cls_bpf")),)
    if "operation not permitted" in complaint.lower():
        return (
            Missing(
                "permission for bpf(2)",
                use,
                "run on a machine or virtual machine of your own (a container needs --privileged),"
                " or use --on guest",
            ),
        )
    return (
        Missing(
            "eBPF programs with bpf_loop (Linux 5.17)",
            use,
            "a newer kernel with CONFIG_BPF_SYSCALL, or use --on guest, whose kernel has it",
        ),
    )


@cache
def fault_program_complaint() -> str | None:
    """Return what is said when the program of engine/faults is loaded in namespaces made as a run's
    are, None when it loads.
    """
    version = subprocess.run(
        ["tc", "-V"], capture_output=True, text=True, check=False, timeout=20
    ).stdout
    if "libbpf" not in version:
        return f"without libbpf: {version.strip()}"
    words = f"bpf direct-action object-file {FAULT_OBJECT} section tc"
    done = try_inside(
        "tc qdisc add dev lo clsact && exec tc filter add dev lo ingress pref 1 protocol all"
        f" {words}"
    )
    return None if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"


@cache
def has_link_type(name: str) -> bool:
    """Return whether the kernel can make a network device of that type."""
    argv = ["unshare", "--net", "ip", "link", "add", "tcpexp-try", "type", name]
    return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0


@cache
def has_iptables(program: str = "iptables") -> bool:
    """Return whether ``program`` (iptables or ip6tables) can insert a rule on TCP flags."""
    rule = ["-p", "tcp", "--tcp-flags", "ALL", "SYN,ACK", "-j", "DROP"]
    argv = ["unshare", "--net", program, "-w", "-I", "INPUT", *rule]
    return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0


def kernel_remedy(option: str, module: str) -> str:
    """Return how to get what a kernel option provides, after looking at this kernel's own
    configuration.
    """
    setting = kernel_setting(option)
    guest = "or use --on guest, whose kernel has it"
    if setting == "m":
        return f"modprobe {module}; where the module is absent: {modules_words()}; {guest}"
    if setting == "n":
        return f"this kernel was built without {option}: boot one that has it, {guest}"
    return f"a kernel with {option} (modprobe {module}, or {modules_words()}), {guest}"


def kernel_setting(option: str) -> str | None:
    """Return ``y``, ``m`` or ``n`` out of the running kernel's configuration, None when that is not
    to be had.
    """
    text = _kernel_configuration()
    if text is None or " " in option:
        return None
    for line in text.splitlines():
        if line.startswith(f"{option}="):
            return line.split("=", 1)[1].strip()
    return "n"


@cache
def _kernel_configuration() -> str | None:
    try:
        if Path("/proc/config.gz").exists():
            return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
        return Path(f"/boot/config-{os.uname().release}").read_text()
    except OSError:
        return None


def _try_tc(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    argv = ["unshare", "--net", "tc", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
