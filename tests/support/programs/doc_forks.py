"""Run command lines of tcpexp, each in a process of its own: ``python doc_forks.py JOBS.json``.

JOBS.json is a list of ``[folder, argv]``. The answer, on standard output, is a list of ``[status,
output]``. A process is forked for each from this one, which imports only what other projects wrote:
an example that works because another one came first fails here.
"""

import json
import os
import sys
import tempfile

import tcpexp.cli.specs
import tcpexp.plan.compile  # so that the children need not
from tcpexp.cli.main import main

#: Rooms whose modules an example must import itself.
READY = (tcpexp.cli.specs, tcpexp.plan.compile)
PARTS = ("tcpexp.actions.", "tcpexp.checks.", "tcpexp.recorders.", "tcpexp.plots.")


def run(folder, argv):
    """Return status and output of one command line."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.chdir(folder)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            status = 70
            try:
                status = main(argv)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(ended), output.read().decode(errors="replace")


if __name__ == "__main__":
    with open(sys.argv[1]) as given:
        jobs = json.load(given)
    answers = [run(folder, argv) for folder, argv in jobs]
    assert not [name for name in sys.modules if name.startswith(PARTS)]
    print(json.dumps(answers))
