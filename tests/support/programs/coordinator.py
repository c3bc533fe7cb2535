"""Make a study in a process of its own, so that a test can kill it: ``coordinator.py SPEC OUT JOBS
WORKPLACE``.
"""

import sys
from pathlib import Path

from tcpexp.studies.run import run_study
from tcpexp.studies.study import StudyOptions, load_study

if __name__ == "__main__":
    run_study(
        load_study(Path(sys.argv[1]), StudyOptions(out=Path(sys.argv[2]), workplace=sys.argv[4])),
        jobs=int(sys.argv[3]),
    )
