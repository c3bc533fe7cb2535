"""The processes that make the runs: a Dask cluster on this machine or elsewhere, fed a few runs
ahead of what is done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tcpexp.batch.cell import CellResult, CellTask
from tcpexp.batch.makecell import run_cell
from tcpexp.batch.supply import PartSupply
from tcpexp.errors import HostError, TcpexpError

if TYPE_CHECKING:
    from distributed import Client, Future

#: Runs handed to the scheduler per worker, beyond which the next ones wait here: the memory of a
#: sweep does not depend on its length.
AHEAD = 3
#: How often a run's worker may die before the run counts as failed.
LIVES = 4
#: How often a run is handed out again because its worker had no guest image: on other machines than
#: before.
MOST_SUPPLIES = 50
#: How Dask works on this machine. By default it looks at every worker's stack 100 times a second
#: and at much else; for tasks that last seconds that is 8 % of a processor for nothing (measured:
#: coordinator 3.0 %, each of two workers 2.4 %; with these settings 0.6 % and 0.2 %).
SETTINGS = {
    "distributed.scheduler.allowed-failures": LIVES - 1,
    "distributed.admin.tick.limit": "1h",  # a worker that computes is not a worker that hangs
    "distributed.admin.tick.interval": "500ms",
    "distributed.comm.timeouts.connect": "60s",
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "30s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.client.heartbeat": "30s",
}


@contextmanager
def local_workers(count: int) -> Iterator[Client]:
    """Start ``count`` processes on this machine, each of which makes one run at a time.

    All of them end with this process.
    """
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(SETTINGS), _quiet():
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # jobs_that_fit sees to it before the start
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            silence_logs=logging.CRITICAL,
        )
        with cluster, Client(cluster) as client:
            if count == len(os.sched_getaffinity(0)) > 1:
                _give_each_a_processor(client)
            yield client


def _give_each_a_processor(client: Client) -> None:
    """Bind each worker, and what it starts, to a processor of its own, also workers that replace
    killed ones.

    For workers that fill the machine: a guest's two threads take turns, and on one processor they
    do so without waking another (about 5 % more runs).
    """
    from distributed import WorkerPlugin

    processors = sorted(os.sched_getaffinity(0))

    class OwnProcessor(WorkerPlugin):  # type: ignore[misc]
        """Binds the process that it is set up in."""

        def setup(self, worker: Any) -> None:
            """Bind every thread there is; later ones, and processes, inherit it.

            sched_setaffinity(2).
            """
            processor = {processors[int(worker.name) % len(processors)]}
            for thread in os.listdir("/proc/self/task"):
                os.sched_setaffinity(int(thread), processor)

    client.register_plugin(OwnProcessor(), name="own-processor")


@contextmanager
def remote_workers(scheduler: str) -> Iterator[Client]:
    """Use the Dask cluster whose scheduler listens at ``scheduler`` (``tcp://host:8786``).

    Raises ``HostError`` when it does not answer.
    """
    from distributed import Client

    try:
        with _quiet():
            client = Client(scheduler, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        hint = (
            "start one with: dask scheduler; and workers with: dask worker tcp://HOST:8786"
            " --nthreads 1 --nworkers N"
        )
        raise HostError(
            f"no Dask scheduler answers at {scheduler}: {type(error).__name__}", hint=hint
        ) from None
    with client:
        yield client


def run_tasks(
    client: Client,
    tasks: Iterator[CellTask],
    stop: Callable[[], bool],
    begins: Callable[[CellTask], None],
) -> Iterator[tuple[CellTask, CellResult]]:
    """Yield each task with its result, as they end; hands out no more once ``stop()`` is true, and
    lets those under way end.

    A run whose worker is killed is made again by another one. Tasks are taken from the iterator
    only as workers become free. A worker that lacks the guest image or the kernel is sent it, and
    its run is handed out again.
    """
    ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
    waiting: dict[str, tuple[Future, CellTask]] = {}
    supply = PartSupply(client)
    exhausted = False

    def hand_out(task: CellTask, attempt: int = 0) -> None:
        future = client.submit(
            run_cell, task, key=f"tcpexp-{task.token}-{task.key}-{attempt}", pure=False
        )
        waiting[future.key] = (future, task)
        future.add_done_callback(ended.put)

    try:
        while True:
            room = AHEAD * max(runs_at_once(client), 1)
            while not exhausted and not stop() and len(waiting) < room:
                task = next(tasks, None)
                if task is None:
                    exhausted = True
                    break
                begins(task)
                hand_out(task)
            if stop():
                _drop_unstarted(client, waiting)
            if not waiting and (exhausted or stop()):
                return
            with contextlib.suppress(queue.Empty):
                future = ended.get(timeout=0.2)
                if future.key in waiting:
                    _, task = waiting.pop(future.key)
                    result = _result(task, future)
                    attempt = int(future.key.rsplit("-", 1)[1])
                    future.release()
                    if result.needs is not None and attempt < MOST_SUPPLIES:
                        problem = supply.send(result.needs)
                        if problem is None:
                            hand_out(task, attempt + 1)
                            continue
                        result = CellResult(task.key, "not run", problem)
                    yield task, result
    finally:
        for future, _ in waiting.values():
            future.release()


def runs_at_once(client: Client) -> int:
    """Return how many runs the workers make at a time."""
    return sum(
        worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()
    )


def _drop_unstarted(client: Client, waiting: dict[str, tuple[Future, CellTask]]) -> None:
    """Take back what no worker has begun.

    A run that begins at this very moment ends unheard, and is found in the folder.
    """
    running = {key for keys in client.processing().values() for key in keys}
    for key in [
        key
        for key, (future, _) in waiting.items()
        if key not in running and future.status == "pending"
    ]:
        future, _ = waiting.pop(key)
        future.cancel()


def _result(task: CellTask, future: Future) -> CellResult:
    """Return what came of a run, also when its worker could not make it."""
    try:
        result: CellResult = future.result()
    except HostError as error:
        # about the worker, not about the run, which is made as soon as there is a fit one
        return CellResult(task.key, "not run", str(error))
    except TcpexpError as error:
        return CellResult(task.key, "failed", str(error))
    except Exception as error:
        # a worker that died too often, or an error that is a bug: the other runs go on
        return CellResult(
            task.key, "crashed", f"{type(error).__name__}: {error}".splitlines()[0][:500]
        )
    return result


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log lines off the terminal: what matters of them is in the results."""
    os.environ.setdefault("DASK_DISTRIBUTED__LOGGING__DISTRIBUTED", "critical")
    for name in (
        "distributed",
        "distributed.nanny",
        "distributed.scheduler",
        "distributed.worker",
        "distributed.core",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield
