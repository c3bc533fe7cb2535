"""Try the host path on a stock Debian system in a virtual machine, print a table, and end with 1
when something failed.

The system is built with mmdebstrap and provisioned as the Vagrantfile does, once; it is kept in the
cache. In it an ordinary user with sudo types the mission's command, runs experiments on the
system's own kernel, presses Ctrl-C, closes the terminal, sets the clock, and has a curl, a Mininet,
firewall rules and queues of his own beside all that, which must stay as they were.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockvm import build
from stockvm.machine import Ended, kvm_boots, run_machine

from tcpexp import paths

#: Experiments with faults on chosen segments, and one that needs nothing: what the short form
#: records.
SHORT = ("one_loss", "tail_loss", "lost_synack", "loss_of_retransmission", "utcp_fast_recovery")
START = f"""mkdir -p {build.CHECKOUT}
tar -C {build.CHECKOUT} -xf /share/checkout.tar
chown -R {build.USER}:{build.USER} {build.CHECKOUT}
runuser -l {build.USER} -c 'PYTHONPATH={build.CHECKOUT}/scripts exec python3 -m stockvm.inside'
sync
touch /share/done
"""


@dataclass(frozen=True)
class Row:
    """One trial: what came of it, in words, and how long it took on the machine's clock."""

    name: str
    ok: bool
    words: str
    seconds: float


def main(arguments: list[str]) -> int:
    """Build, boot, try, judge, print."""
    given = parse(arguments)
    # the machine ends with us
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began = time.monotonic()
    lacking = build.missing_tools()
    if lacking:
        print("stock-vm: this machine lacks:\n  " + "\n  ".join(lacking), file=sys.stderr)
        return 3
    cache = paths.cache_dir() / "stock-vm"
    try:
        system = build.build_system(cache, given.suite, given.mirror, say)
    except build.BuildError as error:
        print(f"stock-vm: {error}", file=sys.stderr)
        return 3
    if given.build_only:
        return 0
    share = Path(tempfile.mkdtemp(prefix="share-", dir=cache))
    names = (
        list(SHORT)
        if given.short
        else [
            path.stem
            for path in paths.shipped_specs()
            if path.stem not in ("bbr_vs_cubic", "all_states")
        ]
    )
    fill(share, {"record": given.record or names})
    kvm = not given.emulate and kvm_boots(system)
    say(
        f"booting {given.suite}"
        f" ({'KVM' if kvm else 'emulated, on a clock that counts instructions'}); its console:"
        f" {share}/console.log"
    )
    rows: list[Row] = []
    seen: list[int] = [0]
    ended = run_machine(
        system, share, kvm=kvm, limit_s=given.limit, watch=lambda: follow(share, seen)
    )
    say(f"the machine ran for {ended.seconds:.0f} s; judging what it recorded")
    rows = judge_all(share, ended)
    print_table(given.suite, rows, time.monotonic() - began)
    failed = [row for row in rows if not row.ok]
    if failed or given.keep:
        say(f"everything that the machine left is in {share}")
    else:
        shutil.rmtree(share)
    return 1 if failed else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="scripts/stock-vm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--suite",
        default="bookworm",
        choices=("bookworm", "trixie"),
        help="Debian 12 (the default) or 13",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="the five experiments with faults only, instead of all experiments",
    )
    parser.add_argument(
        "--record",
        action="append",
        metavar="NAME",
        help="this experiment instead; may be given more than once",
    )
    parser.add_argument(
        "--mirror",
        action="append",
        default=[],
        metavar="URL",
        help="where mmdebstrap fetches packages, instead of Debian's own address",
    )
    parser.add_argument(
        "--emulate", action="store_true", help="do not use KVM, even where it works"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=4 * 3600.0,
        metavar="SECONDS",
        help="end the machine after so long (4 hours)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the machine's share also when nothing failed"
    )
    parser.add_argument("--build-only", action="store_true", help="make the system and stop")
    return parser.parse_args(arguments)


def fill(share: Path, wanted: dict[str, Any]) -> None:
    """Put into the share what the machine does at boot: this checkout, and what is wanted of it."""
    share.chmod(0o777)
    for name in ("runs", "kept"):
        (share / name).mkdir()
        (share / name).chmod(0o777)
    for name in (
        "results.jsonl",
        "terminal.log",
        "terminal-closed.log",
        "state-before.txt",
        "state-after.txt",
    ):
        (share / name).touch()
        (share / name).chmod(0o666)

    def own(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = Path(member.name).parts
        return (
            None
            if any(Path(part).match(pattern) for part in parts for pattern in build.EXCLUDED)
            else member
        )

    with tarfile.open(share / "checkout.tar", "w") as archive:
        archive.add(build.ROOT, arcname=".", filter=own)
    (share / "wanted.json").write_text(json.dumps(wanted))
    (share / "start.sh").write_text(START)


def follow(share: Path, seen: list[int]) -> None:
    """Say what the machine has done since the last time."""
    rows = read_rows(share)
    for row in rows[seen[0] :]:
        say(f"{'ok' if row['ok'] else 'FAILED'}  {row['name']}: {row['words']}")
    seen[0] = len(rows)


def read_rows(share: Path) -> list[dict[str, Any]]:
    """Return the lines that the machine has written; a line under way is left for the next time."""
    rows = []
    for line in (share / "results.jsonl").read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def judge_all(share: Path, ended: Ended) -> list[Row]:
    """Return a row per trial.

    A run that was only recorded is analysed here and judged by its own checks and certificate.
    """
    rows = []
    for result in read_rows(share):
        row = Row(result["name"], result["ok"], result["words"], result["seconds"])
        rows.append(judge(share, result["judged"], row) if result["judged"] else row)
    if not ended.off:
        rows.append(
            Row(
                "the machine reaches its end",
                False,
                ended.console.strip()[-600:] or "no word on its console",
                ended.seconds,
            )
        )
    return rows


def judge(share: Path, name: str, row: Row) -> Row:
    """Judge the recorded run of an experiment."""
    from tcpexp.errors import TcpexpError
    from tcpexp.runs.pipeline import process_numbers

    run = max((share / "runs" / name).iterdir(), key=lambda each: each.stat().st_mtime_ns)
    try:
        outcome = process_numbers(run)
    except TcpexpError as error:
        return Row(row.name, False, str(error), row.seconds)
    bad = [
        f"{check.result} {check.title}: {check.reason}"
        for check in outcome.checks
        if check.result != "PASS"
    ]
    certificate = outcome.certificate
    expected = "SUSPECT" if "clock set" in row.name else "VALID"
    if certificate["verdict"] != expected:
        bad.append(f"certificate {certificate['verdict']}: {'; '.join(certificate['reasons'])}")
    words = f"{len(outcome.checks)} PASS, certificate {certificate['verdict']}"
    if outcome.status != "complete" or bad:
        return Row(
            row.name, False, "; ".join([f"status {outcome.status}", *bad])[:600], row.seconds
        )
    return Row(row.name, True, words, row.seconds)


def print_table(suite: str, rows: list[Row], seconds: float) -> None:
    """Print a line per trial and the sum."""
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        print(
            f"{'PASS' if row.ok else 'FAIL'}  {row.name:<{width}}  {row.seconds:7.1f} s "
            f" {row.words}"
        )
    failed = sum(not row.ok for row in rows)
    print(f"stock-vm: {suite}, {seconds:.0f} s")
    print(f"{len(rows) - failed} passed, {failed} failed")


def say(text: str) -> None:
    """Say what is being done."""
    print(f"stock-vm: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
