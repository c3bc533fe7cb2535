"""The bench: takes what pages ask for in turn, gives it to worker processes, and tells each page
how it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tcpexp.batch.rows import Job
from tcpexp.lab.config import LabConfig
from tcpexp.lab.errors import Refused
from tcpexp.lab.process import Worker
from tcpexp.lab.queue import FairQueue
from tcpexp.lab.sessions import Session

#: Views that are kept ready; a view is made again from the run when it is asked for.
MOST_VIEWS = 40
#: How often a run's folder is looked at where there is a limit, in seconds.
LOOK_EVERY_S = 0.5


@dataclass
class Work:
    """Something to do for a page: a run to make (``job``) or a recorded one to show (``run``)."""

    id: int
    session: Session
    tab: str
    into: Path
    job: Job | None = None
    run: Path | None = None
    pinned: Path | None = None
    asked_at: float = field(default_factory=time.monotonic)
    worker: Worker | None = None
    #: Why the server ended it, in words.
    ended_for: str | None = None

    @property
    def lane(self) -> Hashable:
        """What waits once: a page's runs, and apart from them what it wants to see."""
        return (self.session.id, self.tab, self.job is None)

    def task(self) -> dict[str, Any]:
        """Return it as a worker reads it."""
        job = None if self.job is None else dataclasses.asdict(self.job)
        return {"job": job, "run": self.run, "pinned": self.pinned, "into": str(self.into)}

    def tell(self, kind: str, **more: Any) -> None:
        """Tell the page something about this work."""
        self.session.tell({"kind": kind, "work": self.id, **more}, self.tab)


class Bench:
    """Makes runs, ``config.jobs`` at a time, each in a process of its own."""

    def __init__(self, config: LabConfig) -> None:
        self.config = config
        #: Runs wait for a processor; what was recorded is shown beside them, one at a time.
        self.runs: FairQueue[Work] = FairQueue()
        self.shows: FairQueue[Work] = FairQueue()
        self.running: dict[int, Work] = {}
        self.views: OrderedDict[tuple[str, str, str], Path] = OrderedDict()
        self._numbers = itertools.count(1)
        self._spares: list[Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.closing = False

    @cached_property
    def scratch(self) -> Path:
        """A folder for specs and views, made when it is first asked for, gone when it closes."""
        return Path(tempfile.mkdtemp(prefix="tcpexp-lab-"))

    async def open(self) -> None:
        """Let the first worker warm up."""
        await self._warm()

    async def close(self) -> None:
        """End every run, which keeps what it recorded, and every worker."""
        self.closing = True
        for work in self.running.values():
            if work.worker is not None:
                work.worker.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=30)
        for spare in self._spares:
            await spare.close(1.0)
        if "scratch" in vars(self):
            shutil.rmtree(self.scratch, ignore_errors=True)

    async def _warm(self) -> None:
        """Keep one worker more than there is work for."""
        if not self._spares and not self.closing:
            self._spares.append(await Worker.start())

    def write_spec(self, name: str, text: str) -> Path:
        """Return a file that holds a spec's text, for a run's process to read."""
        path = self.scratch / f"spec-{next(self._numbers)}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def put(self, session: Session, tab: str, **what: Any) -> Work:
        """Let a page's work wait for its turn; what it had waiting is dropped: the newest wins."""
        if self.closing:
            raise Refused(503, "the laboratory is closing")
        number = next(self._numbers)
        work = Work(number, session, tab, self.scratch / f"view-{number}.json", **what)
        queue = self.shows if work.job is None else self.runs
        displaced = queue.put(session.id, work.lane, work)
        if displaced is not None:
            displaced.tell("dropped")
        self._next()
        self._tell_places()
        return work

    def stop(self, session: Session, tab: str) -> int:
        """End a page's run and drop the one that waits; return how many there were."""
        mine = [
            work
            for work in self.running.values()
            if work.session is session and work.tab == tab and work.job is not None
        ]
        for work in mine:
            if work.worker is not None:
                work.worker.stop()
        waiting = self.runs.drop((session.id, tab, False))
        if waiting is not None:
            waiting.tell("dropped")
        self._tell_places()
        return len(mine) + (waiting is not None)

    def _next(self) -> None:
        """Start what is next, while there is room; a page has one run under way at a time."""
        self._start(self.runs, self.config.jobs, runs=True)
        self._start(self.shows, 1, runs=False)

    def _start(self, queue: FairQueue[Work], most: int, *, runs: bool) -> None:
        while sum((work.job is not None) == runs for work in self.running.values()) < most:
            work = queue.take(frozenset(work.lane for work in self.running.values()))
            if work is None:
                return
            self.running[work.id] = work
            task = asyncio.ensure_future(self._do(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _tell_places(self) -> None:
        for place, work in enumerate(self.runs.places(), 1):
            work.tell("waits", place=place)

    async def _do(self, work: Work) -> None:
        """Do work to its end, whatever happens, then what is next."""
        try:
            work.tell("begins")
            work.worker = self._spares.pop() if self._spares else await Worker.start()
            await self._warm()
            await self._follow(work, work.worker)
        except Exception as error:
            work.tell("ends", ok=False, message=f"{type(error).__name__}: {error}")
            raise
        finally:
            self.running.pop(work.id, None)
            if work.worker is not None:
                await work.worker.close()
            if work.job is not None:
                with contextlib.suppress(OSError):
                    if Path(work.job.spec).parent == self.scratch:
                        Path(work.job.spec).unlink()
            if not self.closing:
                self._next()
                self._tell_places()

    async def _follow(self, work: Work, worker: Worker) -> None:
        """Pass on what a worker tells, and hold its run to the limits."""
        watching: asyncio.Task[None] | None = None
        told_end = False
        async for event in worker.do(work.task()):
            if "starts" in event:
                run = Path(event["starts"]["run"])
                work.tell("starts", **{**event["starts"], "run": self._name(work, run)})
                if self.config.limits is not None:
                    watching = asyncio.ensure_future(self._watch(work, run))
            elif "progress" in event:
                work.tell("progress", **event["progress"])
            elif "say" in event:
                work.tell("says", text=event["say"])
            elif "view" in event:
                run = Path(event["view"])
                self._keep_view(work, run)
                work.tell("view", run=self._name(work, run), view=f"view/{work.id}")
            elif "ended" in event:
                told_end = True
                self._tell_end(work, event)
        if watching is not None:
            watching.cancel()
        if not told_end:
            words = worker.last_words().splitlines()
            said = words[-1] if words else "it said nothing"
            work.tell("ends", ok=False, message=f"the run's process ended: {said}")

    def _tell_end(self, work: Work, event: dict[str, Any]) -> None:
        row = event.get("row")
        if row is None:
            work.tell("ends", ok=bool(event["ended"]), message="")
            return
        errors = [{"message": error["message"], "hint": error["hint"]} for error in row["errors"]]
        lacks = [lack for error in row["errors"] for lack in error.get("missing", ())]
        errors += [
            {"message": f"missing: {lack['what']}", "hint": lack["remedy"]} for lack in lacks
        ]
        run = None if row["run"] is None else self._name(work, Path(row["run"]))
        work.tell(
            "ends",
            ok=row["status"] == "complete",
            status=row["status"],
            run=run,
            errors=errors,
            message=work.ended_for or row.get("failure") or "",
            wall_s=round(time.monotonic() - work.asked_at, 2),
        )
        work.session.tell({"kind": "history"})

    def _name(self, work: Work, run: Path) -> str:
        """Return a run's name on the page: experiment and id."""
        return f"{run.parent.name}/{run.name}"

    def _keep_view(self, work: Work, run: Path) -> None:
        pinned = "" if work.pinned is None else str(work.pinned)
        self.views[(work.session.id, str(run), pinned)] = work.into
        while len(self.views) > MOST_VIEWS:
            _, oldest = self.views.popitem(last=False)
            oldest.unlink(missing_ok=True)

    def view_file(self, session: Session, number: int) -> Path:
        """Return the file of a view that this person's work made; raises ``Refused``."""
        for (owner, _, _), path in self.views.items():
            if owner == session.id and path.name == f"view-{number}.json":
                return path
        raise Refused(404, "this view is no longer there; choose the run again")

    def known_view(self, session: Session, run: Path, pinned: Path | None) -> int | None:
        """Return the number of a view that was made before, None when there is none."""
        key = (session.id, str(run), "" if pinned is None else str(pinned))
        path = self.views.get(key)
        if path is None or not path.exists():
            return None
        self.views.move_to_end(key)
        return int(path.stem.removeprefix("view-"))

    async def _watch(self, work: Work, run: Path) -> None:
        """End a run that takes more than its share of time or disk."""
        limits = self.config.limits
        assert limits is not None
        began = time.monotonic()
        while work.worker is not None and work.ended_for is None:
            await asyncio.sleep(LOOK_EVERY_S)
            size = await asyncio.to_thread(folder_bytes, run)
            if time.monotonic() - began > limits.wall_s:
                work.ended_for = f"ended after {limits.wall_s:g} s, the most a run may take"
            elif size > limits.disk_bytes:
                work.ended_for = f"ended at {size / 1e6:.0f} MB, more than a run may record"
        if work.worker is not None:
            work.worker.stop()


def folder_bytes(folder: Path) -> int:
    """Return how much lies in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
