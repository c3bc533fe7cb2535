"""Record one run on the host and analyse nothing: on an emulated processor the analysis takes
longer than the run. Runs inside the machine, as root.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tcpexp.errors import TcpexpError
from tcpexp.paths import find_spec
from tcpexp.runs.execute import execute
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import compile_spec, create_run, usable_results_dir
from tcpexp.runs.watcher import SilentRunWatcher
from tcpexp.runs.where import open_place


def main(spec: str, out: str) -> int:
    """Print the run's folder; return 0 when the engine reached its end."""
    options = RunOptions(on="host", out=Path(out), command=("stock-vm", spec))
    try:
        path = find_spec(spec)
        kind, place = open_place(options, SilentRunWatcher())
        with kind.slot() as slot:
            plan = compile_spec(path, options, slot)
            lacks = place.check(plan)
            if lacks:
                print("; ".join(f"{lack.what}: {lack.remedy}" for lack in lacks))
                return 3
            run_dir = create_run(usable_results_dir(Path(out)), path, plan, place.name)
            print(run_dir.path, flush=True)
            execute(place, plan, run_dir, options, SilentRunWatcher())
    except TcpexpError as error:
        print(error, error.hint or "")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
