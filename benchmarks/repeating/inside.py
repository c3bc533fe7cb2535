"""Runs in the second machine: start the kernel as its command file says, print the digest."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WAY, OUT = Path("/tmp/way"), Path("/tmp/out")


def main() -> None:
    """Start, wait, print."""
    command = json.loads((HERE / "command.json").read_text())
    os.chmod(HERE / "linux", 0o755)
    done = subprocess.run(
        command["argv"],
        env=command["environment"],
        cwd=WAY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(done.stdout.decode(errors="replace")[-3000:])
    for state in WAY.glob("run/state"):
        print("state", state.read_bytes().split(b"\0")[0].decode()[:1500])
    captures = sorted(OUT.glob("raw/*.pcap"))
    if done.returncode != 0 or not captures:
        sys.exit(f"the kernel ended with {done.returncode}, {len(captures)} captures")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in captures)).hexdigest()
    print(f"TCPEXP-DIGEST {digest}", flush=True)


if __name__ == "__main__":
    main()
