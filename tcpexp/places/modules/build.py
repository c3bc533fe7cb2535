"""Compile a congestion control of one's own as a module of a kernel, once for the same sources,
kernel and compiler.

What was built is kept in ``$XDG_CACHE_HOME/tcpexp/modules/<hash>/``: the module and
``module.json``. A folder appears whole or not at all. The compiler's words come back at their line
of the user's file (:mod:`tcpexp.places.modules.words`).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import HostError, Missing, Position, RunError, SpecError, SpecErrors
from tcpexp.paths import cache_dir
from tcpexp.places.kernel.programs import clean_environment
from tcpexp.places.modules.elf import module_information
from tcpexp.places.modules.words import Diagnostic, explain, parse_output
from tcpexp.plan.types import BPF_LOADER, ControlModule, PlanFile, RunPlan
from tcpexp.registry import suggest
from tcpexp.store.rundir import disk_errors, to_json_text
from tcpexp.telling import Say

#: Beside what the kernel compiles itself with. Each of these would crash or mislead at run time.
FLAGS = (
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
    "-Werror=int-conversion",
    "-Werror=return-type",
    "-Wno-declaration-after-statement",
    "-g",
)
#: What compiles and links a module, and the package of each.
PROGRAMS = {"make": "make", "gcc": "gcc", "ld": "binutils"}
SCHEMA = 1
LIMIT_S = 180
#: So many built modules are kept, the ones used last.
KEPT = 60
_LETTERS = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True)
class Target:
    """A kernel for which modules are built.

    ``headers`` is where ``make -C`` builds for it, with ``arguments``; ``identity`` tells it from
    all others; ``words`` says which one it is.
    """

    headers: Path
    identity: str
    words: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuiltModule:
    """A module that was built: its bytes, what is told of it, and the same with what tells lines
    of the source.
    """

    name: str
    content: bytes
    facts: dict[str, Any]
    debug: bytes | None = None
    #: The program that loads what is in BPF; None for a module.
    loader: bytes | None = None

    @property
    def warnings(self) -> list[str]:
        """What the compiler warned of, each with its place."""
        return list(self.facts["warnings"])


def object_name(name: str) -> str:
    """Return what the kernel calls the module of a control: ``/sys/module/<this>``."""
    return _LETTERS.sub("_", name)


def with_modules(plan: RunPlan, built: tuple[BuiltModule, ...]) -> RunPlan:
    """Return the plan as an engine gets it: with what was built instead of the sources."""
    if not plan.modules:
        return plan
    folders = tuple(f"{module.folder}/" for module in plan.modules)
    kept = [file for file in plan.files if not file.path.startswith(folders)]
    paths = {module.name: module.built for module in plan.modules}
    made = {paths[one.name]: one.content for one in built}
    for one in built:
        if one.loader is not None:
            made[BPF_LOADER] = one.loader
    kept += [
        PlanFile(path, base64.b64encode(content).decode(), binary=True)
        for path, content in made.items()
    ]
    return dataclasses.replace(plan, files=tuple(sorted(kept, key=lambda file: file.path)))


def module_facts(built: tuple[BuiltModule, ...]) -> dict[str, dict[str, str]]:
    """Return what a manifest says of the modules: hashes and compiler, by name."""
    names = ("source", "source_sha256", "module_sha256", "compiler", "kernel")
    return {one.name: {name: str(one.facts[name]) for name in names} for one in built}


def build_module(module: ControlModule, plan: RunPlan, target: Target, say: Say) -> BuiltModule:
    """Return one control, compiled; raises what ``build_modules`` does."""
    texts = module_texts(module, plan)
    compiler = compiler_words("gcc", PROGRAMS)
    folder = modules_dir() / _key(module, texts, target, compiler)
    if not (folder / "module.json").is_file():
        with disk_errors(modules_dir()):
            _make(module, texts, target, compiler, folder)
    os.utime(folder)
    facts = json.loads((folder / "module.json").read_text())
    content, debug = (folder / name for name in ("module.ko", "module.debug"))
    built = BuiltModule(module.name, content.read_bytes(), facts, debug.read_bytes())
    for words in built.warnings:
        say(f"warning: {words}")
    _check_parameters(module, facts)
    return built


def module_texts(module: ControlModule, plan: RunPlan) -> dict[str, str]:
    """Return the texts of a control by their names, the source first."""
    names = [Path(module.source).name, *module.headers]
    files = {file.path: file.content for file in plan.files}
    return {name: files[f"{module.folder}/{name}"] for name in names}


def modules_dir() -> Path:
    """Return where built modules are kept."""
    folder = cache_dir() / "modules"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def compiler_words(compiler: str, packages: Mapping[str, str]) -> str:
    """Return the compiler's own words about itself.

    Raises ``HostError`` when this machine lacks one of ``packages``, program to package.
    """
    path = clean_environment()["PATH"]
    lacks = tuple(
        Missing(tool, "compiling the congestion control", f"apt install {package}")
        for tool, package in packages.items()
        if shutil.which(tool, path=path) is None
    )
    if lacks:
        raise HostError("this machine cannot compile a module of the kernel", missing=lacks)
    done = subprocess.run(
        [compiler, "--version"],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        timeout=60,
    )
    return next(iter(done.stdout.splitlines()), compiler)


def _key(module: ControlModule, texts: Mapping[str, str], target: Target, compiler: str) -> str:
    parts = [SCHEMA, module.name, texts, target.identity, target.arguments, compiler, FLAGS]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _make(
    module: ControlModule, texts: Mapping[str, str], target: Target, compiler: str, folder: Path
) -> None:
    started = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="building-", dir=modules_dir()))
    try:
        inside, made = work / "work", work / "made"
        inside.mkdir()
        made.mkdir()
        name = object_name(module.name)
        output, status = _call_make(module, texts, target, inside)
        found = parse_output(output, {f"{name}.c": Path(module.source).name}, tuple(texts))
        if status != 0 or not (inside / f"{name}.ko").is_file():
            raise _failure(module, texts, target, found, output)
        shutil.copyfile(inside / f"{name}.ko", made / "module.debug")
        content = _stripped(made / "module.debug", made / "module.ko")
        facts = {
            "name": module.name,
            "source": module.source,
            "source_sha256": module.sha256,
            "module_sha256": hashlib.sha256(content).hexdigest(),
            "kernel": target.words,
            "compiler": compiler,
            "seconds": round(time.monotonic() - started, 3),
            "information": module_information(content),
            "warnings": [
                f"{_beside(module, one.file)}:{one.line}: {one.message}"
                for one in found
                if one.kind == "warning"
            ],
        }
        (made / "module.json").write_text(to_json_text(facts))
        try:
            made.rename(folder)
        except OSError:
            if not (folder / "module.json").is_file():  # another process was first
                raise
        _drop_old()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _stripped(debug: Path, target: Path) -> bytes:
    """Write a module without what only a debugger needs; return it."""
    done = subprocess.run(
        ["strip", "-g", "-o", str(target), str(debug)],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    if done.returncode != 0:
        raise RunError(f"the module cannot be stripped: {done.stderr.strip()}")
    return target.read_bytes()


def _call_make(
    module: ControlModule, texts: Mapping[str, str], target: Target, inside: Path
) -> tuple[str, int]:
    """Lay the sources into a folder and call the kernel's build; return its words and status."""
    name = object_name(module.name)
    for file, text in texts.items():
        path = inside / (f"{name}.c" if file == Path(module.source).name else file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rules = [
        f"obj-m := {name}.o",
        # a tracepoint's header is looked for beside the source (TRACE_INCLUDE_PATH .)
        f"ccflags-y += -I$(src) -fmacro-prefix-map=$(src)/= {' '.join(FLAGS)}",
        "ccflags-y += $(call cc-option,-fdiagnostics-column-unit=byte)",
    ]
    (inside / "Makefile").write_text("\n".join(rules) + "\n")
    argv = ["make", "-C", str(target.headers), f"M={inside}", *target.arguments, "modules"]
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "TERM", "--", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=LIMIT_S,
            env=clean_environment(GCC_COLORS=""),
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"{module.source} was not compiled within {LIMIT_S} s") from None
    return done.stdout, done.returncode


def _failure(
    module: ControlModule,
    texts: Mapping[str, str],
    target: Target,
    found: list[Diagnostic],
    output: str,
) -> SpecError:
    """Return what the compiler, or the linker of modules, said, at the lines of its files."""
    errors = []
    for one in found:
        if one.kind != "error":
            continue
        message, hint = explain(one, target.headers, target.words)
        file = _beside(module, one.file or Path(module.source).name)
        line, column = one.line, one.column
        if not line and one.word:
            line, column = _first_use(texts, one.word)
        errors.append(SpecError(message, where=Position(file, line or 1, column or 1), hint=hint))
    if errors:
        return SpecErrors(errors)
    words = "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:])
    return SpecError(
        f"{module.source} cannot be compiled for {target.words}:\n{words}",
        where=Position(module.source, 1, 1),
    )


def _first_use(texts: Mapping[str, str], word: str) -> tuple[int, int]:
    """Return the line and column of a word in the source, (0, 0) when it is not there."""
    source = next(iter(texts.values()))
    match = re.search(rf"\b{re.escape(word)}\b", source)
    if match is None:
        return 0, 0
    before = source[: match.start()]
    return before.count("\n") + 1, match.start() - before.rfind("\n")


def _beside(module: ControlModule, file: str) -> str:
    """Return the path from the spec's folder of a file that lies beside the source."""
    return str(Path(module.source).parent / file)


def _check_parameters(module: ControlModule, facts: Mapping[str, Any]) -> None:
    """Refuse parameters that the module does not have: the kernel itself would only warn."""
    has = facts["information"].get("parmtype", [])
    known = [words.split(":", 1)[0] for words in has]
    for name in module.parameters:
        if name not in known:
            hint = (
                suggest(name, known)
                or f"it has {', '.join(known) or 'none'}: module_param(name, type, 0444) makes one"
            )
            raise SpecErrors(
                [SpecError(f"{module.source} has no parameter '{name}'", where=None, hint=hint)]
            )


def _drop_old() -> None:
    found = [path for path in modules_dir().iterdir() if not path.name.startswith("building-")]
    for old in sorted(found, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
