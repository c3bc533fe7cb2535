"""A congestion control in BPF (struct_ops): compiled by clang, loaded by a small program.

The kernel must have a JIT compiler for BPF and its own types (BTF): kernel/bpf/Makefile builds
bpf_struct_ops.c with CONFIG_BPF_JIT only, and libbpf looks for the kernel's tcp_congestion_ops in
its BTF.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tcpexp.errors import HostError, Missing, Position, SpecError, SpecErrors
from tcpexp.paths import cache_dir
from tcpexp.places.kernel.programs import clean_environment
from tcpexp.places.modules.build import BuiltModule, Target, compiler_words, module_texts
from tcpexp.places.modules.words import Diagnostic, explain, parse_output
from tcpexp.plan.types import ControlModule, RunPlan
from tcpexp.telling import Say

LOADER = Path(__file__).parent / "files" / "struct_ops.c"
PROGRAMS = {"clang": "clang", "gcc": "gcc"}
HEADERS = Path("/usr/include/bpf/bpf_helpers.h")
FLAGS = (
    *("-target", "bpf", "-O2", "-g", "-Wall", "-Werror=implicit-function-declaration"),
    "-fno-color-diagnostics",
)
#: What the architecture is called in bpf_tracing.h.
ARCHITECTURES = {"x86_64": "x86", "aarch64": "arm64"}
LIMIT_S = 120


def build_bpf(module: ControlModule, plan: RunPlan, target: Target, say: Say) -> BuiltModule:
    """Return a control in BPF, compiled, with the program that loads it.

    Raises:
        SpecErrors: it does not compile; each mistake is at its line.
        HostError: clang or libbpf is missing.
    """
    compiler = compiler_words("clang", PROGRAMS)
    if not HEADERS.is_file():
        lack = Missing("libbpf", "a congestion control in BPF", "apt install libbpf-dev libelf-dev")
        raise HostError("this machine cannot compile BPF", missing=(lack,))
    texts = module_texts(module, plan)
    own = Path(module.source).name
    with tempfile.TemporaryDirectory(prefix="bpf-") as name:
        inside = Path(name)
        for file, text in texts.items():
            (inside / file).parent.mkdir(parents=True, exist_ok=True)
            (inside / file).write_text(text, encoding="utf-8")
        machine = os.uname().machine
        defined = f"-D__TARGET_ARCH_{ARCHITECTURES.get(machine, machine)}"
        system = f"/usr/include/{machine}-linux-gnu"
        argv = ["clang", *FLAGS, defined, "-idirafter", system, "-c", own, "-o", "out.o"]
        done = subprocess.run(
            argv,
            cwd=inside,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
            env=clean_environment(),
        )
        found = parse_output(done.stderr, {}, tuple(texts))
        if done.returncode != 0:
            raise _failure(module, found, done.stderr, target)
        content = (inside / "out.o").read_bytes()
    folder = Path(module.source).parent
    warnings = [f"{folder / one.file}:{one.line}: {one.message}" for one in found]
    for words in warnings:
        say(f"warning: {words}")
    facts = {
        "name": module.name,
        "source": module.source,
        "source_sha256": module.sha256,
        "module_sha256": hashlib.sha256(content).hexdigest(),
        "kernel": target.words,
        "compiler": compiler,
        "warnings": warnings,
    }
    return BuiltModule(module.name, content, facts, loader=build_loader())


def _failure(
    module: ControlModule, found: list[Diagnostic], output: str, target: Target
) -> SpecErrors:
    errors = []
    for one in found:
        if one.kind == "error":
            message, hint = explain(one, target.headers, target.words)
            file = str(Path(module.source).parent / (one.file or module.source))
            where = Position(file, one.line or 1, one.column or 1)
            errors.append(SpecError(message, where=where, hint=hint))
    words = "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:])
    where = Position(module.source, 1, 1)
    return SpecErrors(
        errors or [SpecError(f"{module.source} cannot be compiled:\n{words}", where=where)]
    )


def build_loader() -> bytes:
    """Return the program that loads BPF, linked statically: the guest has no libbpf.

    Raises ``HostError`` when it cannot be linked here.
    """
    text = LOADER.read_bytes()
    gcc = compiler_words("gcc", {"gcc": "gcc"})
    key = hashlib.sha256(json.dumps([text.decode(), gcc]).encode()).hexdigest()[:32]
    target = cache_dir() / "builds" / f"struct_ops-{key}"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=target.parent) as name:
            made = Path(name) / "struct_ops"
            argv = ["gcc", "-O2", "-static", "-s", "-o", str(made), str(LOADER)]
            for more in (("-lbpf", "-lelf", "-lz"), ("-lbpf", "-lelf", "-lz", "-lzstd")):
                done = subprocess.run(
                    [*argv, *more],
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=LIMIT_S,
                    env=clean_environment(),
                )
                if done.returncode == 0:
                    shutil.move(made, target)
                    break
            else:
                raise HostError(
                    "the program that loads BPF cannot be linked here:"
                    f" {done.stderr.strip().splitlines()[-1]}",
                    hint="apt install libbpf-dev libelf-dev zlib1g-dev libzstd-dev libc6-dev",
                )
    return target.read_bytes()
