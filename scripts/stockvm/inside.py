"""What is tried inside the machine, as its ordinary user: commands typed on a terminal, and what
they leave. Runs inside the machine.

Each trial writes a line of JSON into the share; runs that were only recorded are put there too, to
be judged outside.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stockvm.terminal import Terminal

SHARE, CHECKOUT = Path("/share"), Path("/vagrant")
#: Where runs are recorded, on the machine's own disk: while the share answers, a clock that counts
#: instructions runs ahead.
RUNS = Path("/var/tmp/runs")
HERE = CHECKOUT / "scripts/stockvm"
PYTHON = str(CHECKOUT / ".venv/bin/python")
MISSION = "sudo tcpexp run experiments/bbr_vs_cubic.yaml"
#: How long a command may take, in seconds of the machine's clock.
LIMIT_S = 3600
#: How far a run is, in seconds, when it is disturbed.
UNDER_WAY_S = 2.0
#: How the machine's clock is set in the middle of a run, in seconds after its begin and by how
#: much.
CLOCK_STEPS = ((3.0, 3.0), (6.0, -2.5))
#: A user's own firewall rules, queue and namespace, which no run may touch.
OWN_THINGS = """
nft add table inet mine
nft add chain inet mine in '{ type filter hook input priority 5; }'
nft add rule inet mine in tcp dport 12345 drop
iptables -A INPUT -p tcp --dport 12346 -j DROP
ip netns add mine && ip -netns mine link set lo up
tc -netns mine qdisc add dev lo root handle 7: pfifo limit 77
ip link add mine0 type dummy && ip address add 10.0.0.1/24 dev mine0 && ip link set mine0 up
tc qdisc add dev mine0 root handle 8: tbf rate 5mbit burst 5kb limit 9kb
sysctl -q -w net.ipv4.tcp_sack=0 net.ipv4.conf.all.rp_filter=1
"""


class Failed(Exception):
    """A trial did not come out as it must."""


def main(wanted: dict[str, Any]) -> None:
    """Make every trial that ``wanted`` names and write what came of it."""
    typed = Terminal(SHARE / "terminal.log")
    attempt("log in", lambda: log_in(typed))
    script("own things of the user", OWN_THINGS)
    with mininet_beside():
        before = state("before")
        attempt(f"type: {MISSION}", lambda: mission(typed))
        attempt("Ctrl-C", lambda: ctrl_c(typed))
        attempt("terminal closed (SIGHUP)", hang_up)
        attempt("kill -9, then clean", lambda: kill_9(typed))
        attempt("clock set by +3 s and -2.5 s in a run", step_clock, judged="steady")
        attempt("curl beside all_states", curl_beside, judged="all_states")
        for name in wanted["record"]:
            attempt(
                f"record {name}",
                lambda name=name: record(CHECKOUT / "experiments" / f"{name}.yaml"),
                judged=name,
            )  # type: ignore[misc]
        attempt("the machine is as it was", lambda: compare(before, state("after")))
    typed.close()


# --------------------------------------------------------------------------------------------------
# the trials


def log_in(typed: Terminal) -> str:
    """The shell answers, and tcpexp is on the path."""
    status = typed.run(f"cd {CHECKOUT} && tcpexp --version", LIMIT_S)
    need(status == 0, f"'tcpexp --version' ended with {status}: {typed.text()[-300:]}")
    return f"user {pwd.getpwuid(os.getuid()).pw_name}, Linux {os.uname().release}"


def mission(typed: Terminal) -> str:
    """The command of the Vagrantfile's first lines."""
    status = typed.run(MISSION, LIMIT_S)
    run = newest(CHECKOUT / "results")
    certificate = json.loads((run / "certificate.json").read_text())
    keep(run, "mission")
    need(status == 0, f"ended with {status}")
    need(
        certificate["verdict"] == "VALID",
        f"certificate {certificate['verdict']}: {certificate['reasons']}",
    )
    return f"exit 0, certificate VALID, {kept(run, 'complete')}"


def record(spec: Path) -> str:
    """The engine runs a spec to its end; what it recorded is judged outside."""
    done = sudo(record_argv(spec))
    need(done.returncode == 0, done.stdout.strip()[-400:] or done.stderr.strip()[-400:])
    return hand_out(spec)


def step_clock() -> str:
    """The machine's clock is set in the middle of a run, forward and back."""
    spec = HERE / "steady.yaml"
    run = subprocess.Popen(["sudo", *record_argv(spec)], stdout=subprocess.DEVNULL)
    began = wait_under_way(RUNS / "steady", 0.0)
    for after_s, by_s in CLOCK_STEPS:
        time.sleep(max(0.0, began + after_s - time.monotonic()))
        sudo(
            [
                PYTHON,
                "-c",
                f"import time; time.clock_settime(time.CLOCK_REALTIME, time.time() + {by_s})",
            ]
        )
    need(run.wait() == 0, "the run failed")
    return hand_out(spec)


def curl_beside() -> str:
    """Somebody else's connections on the machine, to the port that the experiment uses.

    With low priority, so that they take no time from the run.
    """
    server = subprocess.Popen(
        ["sudo", "nice", PYTHON, "-m", "http.server", "80", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    loop = subprocess.Popen(
        ["sh", "-c", "while sleep 2; do nice -n 19 curl -s -o /dev/null http://127.0.0.1/; done"]
    )
    try:
        return record(CHECKOUT / "experiments/all_states.yaml")
    finally:
        loop.kill()
        sudo(["pkill", "-f", "[h]ttp.server 80"])
        server.wait()


def ctrl_c(typed: Terminal) -> str:
    """One Ctrl-C ends a run and keeps it."""
    out = Path.home() / "ctrl-c"
    typed.type(f"sudo tcpexp run {HERE}/steady.yaml --out {out}; echo STATUS''=$?")
    wait_under_way(out / "steady", UNDER_WAY_S)
    typed.press(b"\x03")
    found = typed.wait_for(r"STATUS=(\d+)", LIMIT_S)
    need(found is not None and found[1] == "4", f"exit {found and found[1]}, not 4")
    return f"exit 4, {kept(newest(out), 'interrupted')}"


def hang_up() -> str:
    """The terminal's window is closed in the middle of a run."""
    out = Path.home() / "hang-up"
    typed = Terminal(SHARE / "terminal-closed.log")
    typed.type(f"cd {CHECKOUT} && sudo tcpexp run {HERE}/steady.yaml --out {out}")
    wait_under_way(out / "steady", UNDER_WAY_S)
    typed.close()
    wait_gone()
    return kept(newest(out), "interrupted")


def kill_9(typed: Terminal) -> str:
    """The runner is killed; ``clean`` gives its files to the user."""
    out = Path.home() / "kill-9"
    typed.type(f"sudo tcpexp run {HERE}/steady.yaml --out {out}; echo STATUS''=$?")
    wait_under_way(out / "steady", UNDER_WAY_S)
    sudo(["pkill", "-KILL", "-f", "[p]ython.*tcpexp run"])
    wait_gone()
    typed.wait_for(r"STATUS=(\d+)", 60)
    run = newest(out)
    roots = foreign(run)
    status = typed.run("sudo tcpexp clean", LIMIT_S)
    need(status == 0, f"'tcpexp clean' ended with {status}")
    need(not foreign(run), f"still not the user's: {foreign(run)[:3]}")
    return f"{len(roots)} files of root handed over"


def compare(before: list[str], after: list[str]) -> str:
    """Namespaces, links, routes, queues, rules, settings, mounts, traces: all as before, and the
    Mininet beside still pings.
    """
    changed = [f"-{line}" for line in before if line not in set(after)] + [
        f"+{line}" for line in after if line not in set(before)
    ]
    need(not changed, "; ".join(changed[:8]))
    return f"{len(before)} lines of state"


# --------------------------------------------------------------------------------------------------
# their parts


def attempt(name: str, trial: Callable[[], str], *, judged: str | None = None) -> None:
    """Make a trial and write its line.

    ``judged`` is the experiment whose recorded run is judged outside.
    """
    began = time.monotonic()
    try:
        ok, words = True, trial()
    except Failed as error:
        ok, words = False, str(error)
    except Exception as error:
        ok, words = False, f"{type(error).__name__}: {error}"
    row = {
        "name": name,
        "ok": ok,
        "words": words,
        "seconds": time.monotonic() - began,
        "judged": judged if ok else None,
    }
    with (SHARE / "results.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(f"{'ok' if ok else 'FAILED'}  {name}: {words}", flush=True)


def record_argv(spec: Path) -> list[str]:
    """Return the command, for root, that records a spec."""
    return [PYTHON, str(HERE / "record.py"), str(spec), str(RUNS)]


def hand_out(spec: Path) -> str:
    """Put the recorded run of a spec into the share."""
    shutil.copytree(RUNS / spec.stem, SHARE / "runs" / spec.stem)
    return "recorded"


def need(condition: bool, words: str) -> None:
    """Raise ``Failed`` unless the condition holds."""
    if not condition:
        raise Failed(words)


def kept(run: Path, status: str) -> str:
    """Return that a run is kept whole: manifest with this status, report, all of it the user's."""
    manifest = json.loads((run / "manifest.json").read_text())
    need(
        manifest["status"] == status,
        f"the manifest says {manifest['status']}, not {status}: {manifest.get('failure')}",
    )
    need((run / "report.html").is_file(), "no report")
    need(not foreign(run), f"not the user's: {foreign(run)[:3]}")
    return f"manifest '{status}', report, all files the user's"


def foreign(run: Path) -> list[str]:
    """Return what of a run does not belong to this user."""
    return [str(path) for path in (run, *run.rglob("*")) if path.lstat().st_uid != os.getuid()]


def newest(results: Path) -> Path:
    """Return the newest run below a results folder."""
    runs = [path.parent for path in results.glob("*/*/plan.json")]
    need(bool(runs), f"no run in {results}")
    return max(runs, key=lambda run: (run / "plan.json").stat().st_mtime_ns)


def keep(run: Path, name: str) -> None:
    """Copy what a run says of itself into the share, for whoever wants to see why it failed."""
    target = SHARE / "kept" / name
    target.mkdir(parents=True, exist_ok=True)
    for left in ("manifest.json", "certificate.json", "verdicts.json", "report.html"):
        if (run / left).is_file():
            shutil.copyfile(run / left, target / left)


def wait_under_way(folder: Path, seconds: float) -> float:
    """Wait until the experiment below ``folder`` has begun and for ``seconds`` more.

    Return when it began (monotonic).
    """
    deadline = time.monotonic() + LIMIT_S
    while not any(
        '"step"' in path.read_text(errors="replace") for path in folder.glob("*/events.jsonl")
    ):
        need(time.monotonic() < deadline, "the experiment never began")
        time.sleep(0.05)
    began = time.monotonic()
    time.sleep(seconds)
    return began


def wait_gone() -> None:
    """Wait until no run is under way."""
    deadline = time.monotonic() + 600
    while (
        subprocess.run(
            ["pgrep", "-f", "tcpexp run|host.child"], capture_output=True, check=False
        ).returncode
        == 0
    ):
        need(time.monotonic() < deadline, "the run never ended")
        time.sleep(0.2)


def sudo(argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as root."""
    return subprocess.run(
        ["sudo", *argv], capture_output=True, text=True, errors="replace", check=False
    )


def script(name: str, text: str) -> None:
    """Run a shell's script as root; its failure is a trial that failed."""
    done = sudo(["sh", "-e", "-c", text])
    if done.returncode != 0:
        attempt(name, lambda: need(False, done.stderr.strip()[-400:]) or "")


def state(name: str) -> list[str]:
    """Return the machine's state, a line each, and keep it in the share."""
    lines = sudo([sys.executable, str(HERE / "state.py")]).stdout.splitlines()
    (SHARE / f"state-{name}.txt").write_text("\n".join(lines) + "\n")
    return lines


@contextmanager
def mininet_beside() -> Iterator[None]:
    """Have a Mininet of the user's own beside all that is tried.

    At the end all its pings must have come back.
    """
    beside = subprocess.Popen(
        ["sudo", PYTHON, str(HERE / "beside.py")], stdout=subprocess.PIPE, text=True
    )
    assert beside.stdout is not None
    if beside.stdout.readline().strip() != "ready":
        attempt("a Mininet beside", lambda: need(False, "it did not start") or "")
    try:
        yield
    finally:
        sudo(["pkill", "-TERM", "-f", "[p]ython.*beside.py"])
        said = beside.communicate()[0]

    def all_came_back() -> str:
        line = next(
            (line for line in said.splitlines() if "packets transmitted" in line), "no word of ping"
        )
        need(" 0% packet loss" in line, line)
        return line

    attempt("a Mininet beside goes on", all_came_back)


if __name__ == "__main__":
    main(json.loads((SHARE / "wanted.json").read_text()))
