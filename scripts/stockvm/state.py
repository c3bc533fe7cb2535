"""Everything of a machine's own that a run on it must leave as it was.

Runs inside the machine, as root.
"""

from __future__ import annotations

import subprocess
import sys

#: Settings that count, are random, or that the kernel changes by itself: what congestion controls
#: there are grows with a module that a run needs.
LIVING = (
    "random|nr_open|dentry|inode|file-nr|ns_last_pid|pty.nr|sched_domain|conntrack_count|cad_pid|perf_event_max_sample|aio-nr|"
    "netdev_rss|tcp_mem|udp_mem|route.flush|stat_refresh|uuid|boot_id|usermodehelper|quota|loadavg|free|tcp_available_congestion_control|tcp_allowed_congestion_control"
)
SECTIONS = {
    "namespaces": "ip netns list; lsns -t net -n -o NS,COMMAND | grep -v stockvm | sort",
    "links": "ip -o link | sed 's/ qlen.*//' | sort",
    "addresses": "ip -brief address | sort",
    "routes": "ip route; ip -6 route | sed 's/expires.*//'",
    "qdiscs": (
        "for n in '' $(ip netns list | cut -d' ' -f1); do tc ${n:+-netns $n} qdisc show; done; tc"
        " filter show dev lo"
    ),
    "rules": (
        "nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//'; iptables-save | grep -v '^#'"
        " | sed -E 's/[[][0-9:]+[]]//'"
    ),
    "settings": f"sysctl -a 2>/dev/null | grep -vE '{LIVING}'",
    "mounts": "awk '{print $2,$3}' /proc/mounts | sort",
    "trace": (
        "ls /sys/kernel/tracing/instances; sort /sys/kernel/tracing/set_event; cat"
        " /sys/kernel/tracing/tracing_on"
    ),
    "programs": (
        "ps -eo args --no-headers | grep -E 'tcpexp|mnexec|tcpdump|iperf3|host.child' | grep -vE"
        " 'grep|stockvm|beside' | sort"
    ),
    "leftovers": "ls /run/tcpexp 2>/dev/null | grep -v '^slot-'; ls /run/netns 2>/dev/null",
}


def main() -> None:
    """Print every section."""
    for name, script in SECTIONS.items():
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            print(f"{name}\t{line.rstrip()}")


if __name__ == "__main__":
    sys.exit(main())
