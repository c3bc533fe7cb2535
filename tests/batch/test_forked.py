"""A run's process that is forked: what it begins with, how it ends, and when nobody forks."""

from __future__ import annotations

import json
import subprocess
import sys

BEGIN = """
import json, os, signal, subprocess, sys, tempfile, threading
from tcpexp.batch.forked import Forked, may_fork
from tcpexp.runs.preload import import_before_fork

def child(act):
    errors = tempfile.TemporaryFile()
    read, write = os.pipe()
    out, into = os.pipe()
    made = Forked(act, (read, into, errors.fileno()))
    os.close(into)
    os.close(read)
    return made, os.fdopen(write, "w"), os.fdopen(out), errors
"""


def outcome(code: str) -> object:
    """What a program prints, which runs alone: here, other threads may be about."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_preloaded_starts_no_thread() -> None:
    words = "[name for name in ('polars', 'numpy', 'matplotlib') if name in sys.modules]"
    assert outcome(
        f"import tcpexp.cli.main\nimport_before_fork()\nprint(json.dumps([may_fork(), {words}]))"
    ) == [True, []]


def test_a_process_with_two_threads_does_not_fork() -> None:
    code = (
        "wait = threading.Event()\nthreading.Thread(target=wait.wait).start()\n"
        "print(json.dumps(may_fork()))\nwait.set()"
    )
    assert outcome(code) is False


def test_the_child_has_its_own_streams_and_session_and_nothing_else() -> None:
    code = """
def act():
    open_now = [name for name in os.listdir("/proc/self/fd") if int(name) > 2]
    print(json.dumps([sys.stdin.readline(), os.getsid(0) == os.getpid(), len(open_now)]))
    print("last words", file=sys.stderr)

made, into, out, errors = child(act)
into.write("a line\\n")
into.close()
said = json.loads(out.read())
status = made.wait()
errors.seek(0)
print(json.dumps([*said, status, errors.read().decode()]))
"""
    assert outcome(code) == [
        "a line\n",
        True,
        1,
        0,
        "last words\n",
    ]  # one: the folder that is listed


def test_how_it_ended_is_told_as_popen_tells_it() -> None:
    code = """
def wait(): sys.stdin.read()
def fail(): raise ValueError("no")
def leave(): sys.exit(9)
asked, into, _, _ = child(wait)
before = asked.poll()
try: asked.wait(0.05)
except subprocess.TimeoutExpired: before = "waited"
asked.kill()
print(json.dumps([before, asked.wait(), child(fail)[0].wait(), child(leave)[0].wait()]))
"""
    assert outcome(code) == ["waited", -9, 1, 9]


def test_runs_that_are_forked_do_not_take_each_other_with_them(tmp_path) -> None:
    """A wrong spec and one whose plugin kills its process."""
    text = "name: {name}\ntopology: two_host\nduration: {duration}\n"
    (tmp_path / "wrong.yaml").write_text(text.format(name="wrong", duration="1mbit"))
    (tmp_path / "killed.yaml").write_text(
        text.format(name="killed", duration="1s") + "plugins: [killed.py]\n"
    )
    (tmp_path / "killed.py").write_text(
        "import os, signal\nos.write(2, b'last words')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    code = f"""
from tcpexp.batch.rows import Job
from tcpexp.batch.jobs import run_jobs
from tcpexp.cli.several import QuietDisplay
from tcpexp.runs.options import RunOptions
from tcpexp.runs.signals import StopSignals
import_before_fork()
assert may_fork()
class Unheard(QuietDisplay):
    def ends(self, number, row): pass
names = ("killed", "wrong", "killed")
jobs = [Job(f"{tmp_path}/{{name}}.yaml", RunOptions("uml")) for name in names]
rows = run_jobs(jobs, 2, StopSignals(), Unheard())
errors = [row["errors"][0] for row in rows]
rows = [[row["status"], error["message"], error["hint"]] for row, error in zip(rows, errors)]
print(json.dumps(rows))
"""
    killed, wrong, again = outcome(code)
    assert killed == again == ["crashed", "the run's process ended by signal SIGKILL", "last words"]
    assert wrong[0] == "not run"
