"""Do identical runs give identical captures? One spec with loss, run many times, in many ways.

    python benchmarks/repeatability.py [--runs 20] [--kernels 7.3,6.1] [--variants NAME,...]
                                       [--second-machine] [SPEC]

The runs of each kernel are divided among the variants; each variant's runs are made one after the
other by a process of its own (`two at a time`: by two). Prints a table: kernel, variant, runs,
digests (sha256 of all captures of a run, one after the other). With one seed there must be one
digest for each kernel; a run with another seed must have another one. `ptrace` is only asked of a
kernel that usually uses seccomp. `another user` needs root: it makes runs as a user id without a
name, with a cache of its own. `--second-machine` adds a run inside a QEMU machine with another
processor model, which takes a minute or two. A kernel can be named by the beginning of its hash. A
failed run is an error.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import cache_dir, find_spec
from tcpexp.places.kernel.kernel import Kernel, find_kernel, how_to_get
from tcpexp.places.uml.place import UmlPlace
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan

DEFAULT_SPEC = Path(__file__).parent / "lossy.yaml"
ROOT = Path(__file__).resolve().parent.parent
OTHER_SEED = 4242
BUSY_LOOPS = 4
#: A user id that nobody has.
NOBODY_ELSE = 64_911
#: What the child says before a digest.
SAID = "digest "


@dataclass(frozen=True)
class Way:
    """How the child that makes runs is started: before its command, where, with which
    environment.
    """

    prefix: tuple[str, ...] = ()
    cwd: Path | None = None
    environment: dict[str, str] | None = None
    arguments: tuple[str, ...] = ()
    at_once: int = 1


@contextmanager
def plain(scratch: Path) -> Iterator[Way]:
    """Change nothing."""
    yield Way()


@contextmanager
def beside_loops(scratch: Path) -> Iterator[Way]:
    """Have busy loops beside the runs."""
    with busy_loops(BUSY_LOOPS):
        yield Way()


@contextmanager
def two_at_once(scratch: Path) -> Iterator[Way]:
    """Make two runs at a time."""
    yield Way(at_once=2)


@contextmanager
def empty_environment(scratch: Path) -> Iterator[Way]:
    """Have nothing in the environment but where the cache is."""
    kept = {"XDG_CACHE_HOME": str(cache_dir().parent), "PYTHONPATH": str(ROOT)}
    words = [f"{name}={value}" for name, value in kept.items()]
    yield Way(prefix=("env", "-i", *words))


@contextmanager
def other_folder(scratch: Path) -> Iterator[Way]:
    """Work in another folder, with another TMPDIR, HOME, language and file mode mask."""
    folder = scratch / "a folder with a long name and spaces"
    folder.mkdir()
    changed = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "Asia/Tokyo",
    }
    cache = {"XDG_CACHE_HOME": str(cache_dir().parent)}
    mask = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    yield Way(mask, folder, {**os.environ, **changed, **cache})


@contextmanager
def by_ptrace(scratch: Path) -> Iterator[Way]:
    """Let the kernel follow its processes by ptrace instead of seccomp."""
    yield Way(arguments=("--ptrace",))


@contextmanager
def another_user(scratch: Path) -> Iterator[Way]:
    """Be a user that nobody is, with a cache that holds nothing but kernels and image."""
    cache = scratch / "cache"
    for kind in ("kernels", "images"):
        shutil.copytree(cache_dir() / kind, cache / "tcpexp" / kind, copy_function=link_or_copy)
    scratch.chmod(0o755)
    for folder, _, files in os.walk(cache):
        for name in (
            folder,
            *(f"{folder}/{file}" for file in files if Path(folder, file).stat().st_nlink == 1),
        ):
            os.chown(name, NOBODY_ELSE, NOBODY_ELSE)
    ids = (f"--reuid={NOBODY_ELSE}", f"--regid={NOBODY_ELSE}", "--clear-groups")
    words = ("env", f"XDG_CACHE_HOME={cache}", f"HOME={cache}", f"PYTHONPATH={ROOT}")
    yield Way(prefix=("setpriv", *ids, *words), cwd=cache)


def link_or_copy(source: str, target: str) -> None:
    """Make ``target`` the same file where both lie on one file system and others may read it."""
    try:
        if not os.stat(source).st_mode & 0o004:
            raise PermissionError
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o444)


VARIANTS: dict[str, Callable[[Path], AbstractContextManager[Way]]] = {
    "as usual": plain,
    "beside busy loops": beside_loops,
    "two at a time": two_at_once,
    "empty environment": empty_environment,
    "other folder, home, mask": other_folder,
    "ptrace": by_ptrace,
    "another user": another_user,
}


def possible(variant: str, kernel: Kernel) -> bool:
    """Return whether a variant can be made, and is another than the usual one."""
    if variant == "another user":
        return os.geteuid() == 0
    return variant != "ptrace" or kernel.mode == "seccomp"


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep ``count`` processes computing meanwhile."""
    loops = [multiprocessing.Process(target=burn, daemon=True) for _ in range(count)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def burn() -> None:
    """Compute until killed."""
    while True:
        pass


def load_plan(spec: Path, seed: int | None = None) -> RunPlan:
    """Return the plan of ``spec``."""
    catalogue = load_catalogue()
    return compile_plan(load_spec(spec, catalogue), catalogue, seed=seed)


def make_runs(spec: Path, kernel: str, count: int, *, ptrace: bool, seed: int | None) -> None:
    """Make runs and print the digest of each; ends the program when one fails."""
    plan = load_plan(spec, seed)
    place = UmlPlace(kernel=kernel, trusted=not ptrace)
    for _ in range(count):
        with tempfile.TemporaryDirectory() as name:
            result = place.run(plan, Path(name), lambda phase, t: None, lambda: False)
            if result.status != "complete":
                raise SystemExit(f"the run ended {result.status}: {result.error}")
            print(SAID + digest_of(Path(name)), flush=True)


def digest_of(run_dir: Path) -> str:
    """Return the sha256 of a run's captures, one after the other by name."""
    captures = sorted(run_dir.glob("raw/*.pcap"))
    if not captures:
        raise SystemExit("the run left no capture")
    return hashlib.sha256(b"".join(path.read_bytes() for path in captures)).hexdigest()


@dataclass
class Tally:
    """The digests of one kernel and variant, and how long its runs took."""

    kernel: str
    variant: str
    digests: collections.Counter[str] = field(default_factory=collections.Counter)
    wall_s: float = 0.0

    @property
    def runs(self) -> int:
        """How many there were."""
        return sum(self.digests.values())

    def row(self) -> list[str]:
        """Return what is printed."""
        shown = ", ".join(digest[:16] for digest in self.digests)
        distinct = str(len(self.digests))
        return [self.kernel, self.variant, str(self.runs), distinct, f"{self.wall_s:.0f}", shown]


HEADINGS = ["kernel", "variant", "runs", "distinct digests", "wall s", "digests"]


def run_variant(
    kernel: str, variant: str, spec: Path, count: int, extra: Sequence[str] = ()
) -> Tally:
    """Make the runs of one variant in processes of its own.

    Raises:
        SystemExit: one failed.
    """
    tally = Tally(kernel, variant)
    began = time.monotonic()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="repeat-")))
        way = stack.enter_context(VARIANTS[variant](scratch))
        shares = split(count, way.at_once)
        children = [start_child(way, kernel, spec, share, extra) for share in shares]
        for child in children:
            out, errors = child.communicate()
            if child.returncode != 0:
                for other in children:
                    other.kill()
                raise SystemExit(f"kernel {kernel}, {variant}: a run failed:\n{errors[-2000:]}")
            tally.digests.update(digests_in(out))
    tally.wall_s = time.monotonic() - began
    return tally


def start_child(
    way: Way, kernel: str, spec: Path, count: int, extra: Sequence[str]
) -> subprocess.Popen[str]:
    """Start a process that makes runs and dies with this one."""
    words = ["--child", str(count), "--kernels", kernel, *way.arguments, *extra, str(spec)]
    argv = [*way.prefix, "setpriv", "--pdeathsig", "TERM", sys.executable, __file__, *words]
    environment = way.environment or dict(os.environ)
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        argv,
        cwd=way.cwd,
        env=environment | path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def digests_in(output: str) -> list[str]:
    """Return the digests that a child printed."""
    lines = output.splitlines()
    return [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]


def split(count: int, parts: int) -> list[int]:
    """Return ``count`` in ``parts`` that differ by one at most, without those that are 0."""
    shares = [count // parts + (number < count % parts) for number in range(parts)]
    return [share for share in shares if share]


def same_everywhere(tallies: Sequence[Tally]) -> bool:
    """Return whether each kernel's runs have one digest."""
    found: dict[str, set[str]] = {}
    for tally in tallies:
        found.setdefault(tally.kernel, set()).update(tally.digests)
    return all(len(digests) == 1 for digests in found.values())


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def main() -> int:
    """Run and print the table; 1 when runs of one kernel differ, or two seeds do not."""
    options = parse_arguments()
    spec = find_spec(options.spec).resolve()
    if options.child:
        make_runs(spec, options.kernels[0], options.child, ptrace=options.ptrace, seed=options.seed)
        return 0
    tallies: list[Tally] = []
    seeds_differ = True
    for name in options.kernels:
        kernel = find_kernel(name)
        if kernel is None:
            raise SystemExit(f"the kernel {name} is not built: {how_to_get(name)}")
        UmlPlace(print, kernel=name).prepare()
        variants = [variant for variant in options.variants if possible(variant, kernel)]
        for variant, share in zip(variants, split(options.runs, len(variants)), strict=False):
            tallies.append(run_variant(name, variant, spec, share))
            print(f"{name}: {variant}: {tallies[-1].row()[2:]}", file=sys.stderr, flush=True)
        if options.second_machine:
            tallies.append(second_machine(name, spec))
        other = run_variant(name, "as usual", spec, 1, ("--seed", str(OTHER_SEED)))
        seeds_differ &= not any(set(other.digests) & set(tally.digests) for tally in tallies)
    print_rows([HEADINGS, *(tally.row() for tally in tallies)])
    same = same_everywhere(tallies)
    count = sum(tally.runs for tally in tallies)
    print(f"{count} runs: {'one digest' if same else 'SEVERAL DIGESTS'} for each kernel; ", end="")
    print(f"another seed {'differs' if seeds_differ else 'DOES NOT DIFFER'}")
    return 0 if same and seeds_differ else 1


def second_machine(kernel: str, spec: Path) -> Tally:
    """Make one run inside a QEMU machine with another processor model."""
    from repeating.second_machine import run_inside

    began = time.monotonic()
    digest = run_inside(kernel, load_plan(spec))
    tally = Tally(kernel, "inside QEMU, other processor", collections.Counter([digest]))
    tally.wall_s = time.monotonic() - began
    return tally


def parse_arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec", nargs="?", default=str(DEFAULT_SPEC))
    parser.add_argument(
        "--runs", type=int, default=20, help="of each kernel, all variants together"
    )
    parser.add_argument("--kernels", type=names_in, default=["7.3", "6.1"])
    parser.add_argument("--variants", type=names_in, default=list(VARIANTS))
    parser.add_argument("--second-machine", action="store_true", help="a run inside QEMU too")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ptrace", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.variants) - set(VARIANTS)
    if unknown:
        parser.error(f"there is no variant {', '.join(unknown)}: choose from {', '.join(VARIANTS)}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def names_in(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
