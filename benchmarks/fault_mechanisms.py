"""What does a packet cost that passes an eBPF classifier, nftables, iptables or NFQUEUE? The table
of docs/guides/faults.md.

    python benchmarks/fault_mechanisms.py

Runs benchmarks/mechanisms/inside.py in the guest, where a nanosecond of virtual time is an
instruction, so that a busy machine changes nothing. Needs a C compiler for the program behind
NFQUEUE. Prints instructions per data segment, and how many more than without the mechanism.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.places.qemu.place import QemuPlace
from tcpexp.plan.compile import compile_plan

MECHANISMS = Path(__file__).parent / "mechanisms"
MODULES = "nfnetlink_queue nft_queue nft_numgen nft_ct xt_statistic xt_u32"


def spec_text(files: list[Path]) -> str:
    """Return a spec that takes ``files`` into the guest and starts inside.py there."""
    carried = [
        f"echo {base64.b64encode(gzip.compress(file.read_bytes(), mtime=0)).decode()} | base64 -d |"
        f" gunzip > {file.name}"
        for file in files
    ]
    line = "; ".join(
        [
            "mkdir -p /tmp/mechanisms",
            "cd /tmp/mechanisms",
            *carried,
            "chmod +x queue",
            f"modprobe -a {MODULES}",
            "exec python3 inside.py",
        ]
    )
    action = {"at": "0s", "do": "command", "id": "inside", "host": "h1", "shell": line}
    spec = {
        "name": "fault_mechanisms",
        "title": "What mechanisms for faults cost",
        "topology": "two_host",
        "duration": "60s",
        "links": {"h1-h2": {"rate": "10mbit", "delay": "1ms"}},
        "actions": [action],
    }
    return json.dumps(spec)


def main() -> None:
    """Compile, run, print."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("needs a C compiler")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [compiler, "-O2", "-o", str(folder / "queue"), str(MECHANISMS / "queue.c")], check=True
        )
        spec = folder / "fault_mechanisms.yaml"
        spec.write_text(
            spec_text([folder / "queue", MECHANISMS / "inside.py", MECHANISMS / "queue_program.py"])
        )
        catalogue = load_catalogue()
        QemuPlace().run(
            compile_plan(load_spec(spec, catalogue), catalogue),
            folder / "run",
            lambda phase, t: None,
            lambda: False,
        )
        logs = folder / "run" / "raw" / "logs"
        print((logs / "inside.out").read_text(), end="")
        problems = (logs / "inside.err").read_text()
    if problems:
        sys.exit(problems)


if __name__ == "__main__":
    main()
