"""Every example of README and docs/ works, each in a process of its own.

What is only validated says so in the page's source.
"""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.doc_examples import (
    PAGES,
    ROOT,
    TUTORIAL,
    Example,
    all_examples,
    commands,
    examples_of,
    unpack,
)
from tests.support.doc_fragments import whole_spec
from tests.support.folders import PROGRAMS

FILES = {
    "gentle.c": 'struct tcp_congestion_ops gentle = { .name = "gentle" };\n',
    "train.csv": "seconds,Mbit/s\n0,5\n2.5,0\n",
    "cellular.trace": "3\n7\n100\n",
    "reader.py": "import helpers\n",
    "helpers.py": "",
    "data/words.txt": "words",
    "server.c": "int main(void) { return 0; }\n",
}
#: Blocks whose marker says that something in them is validated instead of run. A new one belongs
#: here, with a reason in the page.
VALIDATED = {
    "README.md: scripts/run": "scripts/",
    "running.md: tcpexp list": "tcpexp run, sudo, tcpexp doctor",
    "running.md: tcpexp run experiments/ --jobs 2": "all",
    "running.md: tcpexp check RUN": "all",
    "README.md: tcpexp validate two_cubics.yaml": "tcpexp run",
    "README.md: tcpexp run dead_host --kernel 6.1,6.12,7.3": "all",
    "classroom.md: tcpexp kernel export kernel.tar.gz": "all",
    "containers.md: docker build -f Containerfile -t tcpexp .": "all",
    "containers.md: docker build -f Containerfile -t tcpexp-lab --target notebook .": "all",
    "containers.md: docker run --rm --network none --cap-drop ALL --security-opt no-new-privileges"
    ' --user 4321:4321 -v "$PWD:/data" tcpexp run one_loss': "all",
    "containers.md: tcpexp kernel export kernel.tar.gz": "all",
    "data.md: import polars as pl": "all",
    "README.md: tcpexp explain trace.pcapng": "all",
    "experiments.md: tcpexp run NAME": "all",
    "explain.md: tcpexp explain trace.pcapng": "all",
    "explain.md: tcpexp export trace --csv": "all",
    "explain.md: tcpexp explain client.pcap server.pcap": "all",
    "explain.md: tcpexp check --spec lab.yaml trace.pcap": "all",
    "explain.md: tcpexp explain trace.pcap --anonymise": "all",
    "install.md: scripts/run": "all",
    "packetdrill.md: tcpexp packetdrill close.pkt": "all",
    "install.md: vagrant up && vagrant ssh": "all",
    "own-congestion-control.md: tcpexp run gentle.yaml": "all",
    "kernels.md: tcpexp kernel build": (
        "tcpexp kernel build, tcpexp kernel use, tcpexp kernel info, tcpexp kernel remove"
    ),
    "kernels.md: sudo .venv/bin/python -m benchmarks.kernel_hashes 7.3": "all",
    "packetdrill-suites.md: python benchmarks/packetdrill_suites.py freebsd=tcp-testsuite"
    " google=packetdrill/gtests/net/tcp --json suites.json": "all",
    "kernels.md: tcpexp kernel export kernel.tar.gz": "all",
    "kernels-compared.md: tcpexp sweep kernels": "all",
    "kernels.md: tcpexp kernel build debian:7.2": "all",
    "kernels.md: tcpexp kernel build my-kernel.yaml": "all",
    "kernels.md: tcpexp run accept_queue_overflow --kernel 6.1,6.12,7.3": "all",
    "kernels.md: sed -i 's/^#define TCP_INIT_CWND\\t\\t10$/#define TCP_INIT_CWND\\t\\t1/'"
    " ~/linux/include/net/tcp.h": "all",
    "python.md: import tcpexp": "all",
    "python.md: pip install 'tcpexp[notebook]'": "all",
    "report.md: from tcpexp.report.panels.build import panel_data": "all",
    "sweeps.md: from dask_jobqueue import SLURMCluster": "all",
    "sweeps.md: from dask_kubernetes.operator import KubeCluster": "all",
    "sweeps.md: import polars as pl;": "all",
    "windows.md: scripts/run handshake_teardown": "all",
    "tcp.md: while True:": "all",
    "tcp.md: from tcpexp.tcp.adapters.host import Host": "all",
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run_apart(jobs: list[tuple[Path, list[str]]], folder: Path) -> list[tuple[int, str]]:
    """Run command lines of tcpexp, each in a process that has imported none of its parts."""
    listed = folder / "jobs.json"
    listed.write_text(json.dumps([[str(where), argv] for where, argv in jobs]))
    argv = [sys.executable, str(PROGRAMS / "doc_forks.py"), str(listed)]
    done = subprocess.run(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return [(status, output) for status, output in json.loads(done.stdout)]


def shown(example: Example) -> str:
    """Return the first line of an example, without its remark."""
    return example.text.splitlines()[0].split("  ")[0].rstrip()


def test_what_is_only_validated_is_listed_here() -> None:
    examples = [example for example in all_examples("sh", "python", "yaml") if example.validated]
    assert {
        f"{example.page}: {shown(example)}": ", ".join(example.validated) for example in examples
    } == VALIDATED


def test_each_marker_has_a_reason_and_names_something_in_its_block() -> None:
    for page in PAGES:
        found = [example for example in examples_of(page) if example.validated]
        assert len(found) == page.read_text().count("<!-- validated:"), page.name
        for example in found:
            assert example.why
            for what in example.validated:
                assert what == "all" or any(line.startswith(what) for line in commands(example)), (
                    example.id,
                    what,
                )


def test_each_yaml_example_is_valid_alone(tmp_path: Path) -> None:
    jobs, ids = [], []
    for number, example in enumerate(all_examples("yaml")):
        spec = None if example.file else whole_spec(example.text)
        if spec is None:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        (folder / "example.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
        jobs.append((folder, ["validate", "example.yaml"]))
        ids.append(example.id)
    assert len(jobs) > 80
    failed = [
        (name, output)
        for name, (status, output) in zip(ids, run_apart(jobs, tmp_path), strict=True)
        if status
    ]
    assert failed == []


def test_each_spec_with_files_of_its_page_is_valid_alone(tmp_path: Path) -> None:
    jobs = []
    for page in PAGES:
        folder = tmp_path / page.relative_to(ROOT).with_suffix("")
        folder.mkdir(parents=True)
        jobs += [(folder, ["validate", spec]) for spec in unpack(page.name, folder)]
    assert len(jobs) >= 5
    failed = [
        (argv, output)
        for (_, argv), (status, output) in zip(jobs, run_apart(jobs, tmp_path), strict=True)
        if status
    ]
    assert failed == []


def test_other_yaml_is_a_rubric_or_a_kernel(tmp_path: Path) -> None:
    loaders = {
        "exercises": "from tcpexp.grade.rubric import load_rubric as load",
        "series": "from tcpexp.places.kernel.recipe import load_recipe as load",
    }
    others = [
        example
        for example in all_examples("yaml")
        if not example.file and whole_spec(example.text) is None
    ]
    assert len(others) >= 2
    for example in others:
        code = next(code for key, code in loaders.items() if key in yaml.safe_load(example.text))
        path = tmp_path / "given.yaml"
        path.write_text(example.text)
        (tmp_path / "my-window.patch").write_text("--- a/x\n+++ b/x\n")
        argv = [
            sys.executable,
            "-c",
            f"{code}\nimport sys, pathlib\nload(pathlib.Path(sys.argv[1]))",
            str(path),
        ]
        done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (example.id, done.stderr)


def python_examples() -> list[Example]:
    """Return the Python blocks that are no file of an example: those are tried with the spec that
    uses them.
    """
    return [example for example in all_examples("python") if not example.file]


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            example,
            id=example.id,
            marks=[pytest.mark.guest] if "tcpexp.run(" in example.text else [],
        )
        for example in python_examples()
    ],
)
def test_each_python_example_runs_alone(example: Example, tmp_path: Path) -> None:
    if example.validated:
        tree = ast.parse(example.text)  # its syntax, and that what it imports of ours exists
        ours = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tcpexp")
        ]
        text = ast.unparse(ast.Module(list(ours), []))
    else:
        text = example.text
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def parsed(line: str) -> str | None:
    """Return what is wrong with a command line that is only looked at, or None."""
    from tcpexp import paths
    from tcpexp.cli.main import cli

    words = [
        word
        for word in shlex.split(line.rstrip(" &").split(" > ")[0].split(" | ")[0])
        if word != "sudo"
    ]
    if words[0] != "tcpexp":
        return (
            None
            if not words[0].startswith("scripts/") or (ROOT / words[0]).is_file()
            else f"there is no {words[0]}"
        )
    command, rest = cli, words[1:]
    while hasattr(command, "commands"):
        command, rest = command.get_command(None, rest[0]), rest[1:]
        if command is None:
            return f"there is no such command: {line}"
    try:
        context = command.make_context("tcpexp", list(rest), resilient_parsing=False)
    except Exception as error:
        return f"{line}: {error}"
    if words[1] in ("run", "sweep", "plan", "validate", "describe"):
        for name in context.params.get("specs", ()) or ():
            if not name.isupper() and "." not in name and not name.endswith("/"):
                paths.find_spec(name)
    return None


def test_each_command_that_is_not_run_exists() -> None:
    wrong = []
    for example in all_examples("sh"):
        for line in commands(example):
            looked_at = example.is_validated(line) or example.page in TUTORIAL
            if looked_at and "&&" not in line:
                wrong.append(parsed(line))
    assert [text for text in wrong if text] == []


def test_the_other_commands_run(tmp_path: Path) -> None:
    jobs, lines = [], []
    shell = [example for example in all_examples("sh") if example.page not in TUTORIAL]
    for number, example in enumerate(shell):
        folder = tmp_path / str(number)
        folder.mkdir()
        for spec in (
            unpack(example.page, folder)
            if any(not example.is_validated(line) for line in commands(example))
            else ()
        ):
            assert (folder / spec).is_file()
        for line in commands(example):
            if not example.is_validated(line):
                assert line.startswith("tcpexp "), f"{example.id}: mark it as validated: {line}"
                jobs.append((folder, shlex.split(line)[1:]))
                lines.append(f"{example.id} {line}")
    assert len(jobs) >= 6
    failed = [
        (line, output)
        for line, (status, output) in zip(lines, run_apart(jobs, tmp_path), strict=True)
        if status
    ]
    assert failed == []


#: The specs of the pages that last longer than a few seconds: validated above, not run.
LONG = {
    "README.md": ["two_cubics.yaml"],
    "extending.md": ["use_flap.yaml"],
    "topologies.md": ["use_uplinks.yaml"],
}


@pytest.mark.guest
def test_the_short_specs_run_in_the_guest(tmp_path: Path) -> None:
    for page in PAGES:
        folder = tmp_path / page.relative_to(ROOT).with_suffix("")
        folder.mkdir(parents=True)
        for spec in unpack(page.name, folder):
            if spec not in LONG.get(page.name, ()):
                argv = [
                    sys.executable,
                    "-m",
                    "tcpexp.cli.main",
                    "run",
                    spec,
                    "--out",
                    "runs",
                    "--quiet",
                ]
                done = subprocess.run(
                    argv, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, (spec, done.stdout, done.stderr)
