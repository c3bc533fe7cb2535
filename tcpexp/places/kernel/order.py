"""What a build is asked for, and the recipes that may come of it.

A recipe's name or file is one recipe. Another series of Debian's, a tree, or patches and options
of one's own make a recipe that is derived from a shipped one: of the nearest series whose patches
all fit the source.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tcpexp.errors import HostError, RunError, SpecError
from tcpexp.places.kernel.kernel import find_kernel, kernel_in_use
from tcpexp.places.kernel.programs import call
from tcpexp.places.kernel.recipe import (
    NEWEST,
    Recipe,
    Source,
    TreeSource,
    full_name,
    load_recipe,
    shipped_recipes,
    write_recipe,
)
from tcpexp.places.kernel.source import SUITES
from tcpexp.places.kernel.tree import SourceTree, patched_files
from tcpexp.telling import Say

#: Where a derived recipe has the patches and options that it was given.
OWN = "own"
#: After x.19 comes (x+1).0.
_MINORS = 20
_SERIES = re.compile(r"(?:debian[:-])?(\d+\.\d+)")
_NAME = re.compile(r"[a-z][a-z0-9.+-]{0,39}")
_FILE = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,79}")


@dataclass(frozen=True)
class Order:
    """What shall be built.

    ``recipes`` are the candidates, the nearest first; the first whose patches fit is taken.
    ``tree`` is the source where that is no package of Debian's.
    """

    recipes: tuple[Recipe, ...]
    tree: SourceTree | None = None

    @property
    def name(self) -> str:
        """How the kernel will be called."""
        return self.recipes[0].name

    @property
    def derived(self) -> bool:
        """Whether the recipe was written for another source, which may lack some of its options."""
        return self.tree is not None or len(self.recipes) > 1


@dataclass(frozen=True)
class Own:
    """What somebody adds to a kernel: patches, options, another name."""

    patches: Sequence[Path] = ()
    config: Path | None = None
    name: str | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The patches, and the file of the options."""
        return (*self.patches, *(() if self.config is None else (self.config,)))

    def __bool__(self) -> bool:
        return bool(self.files or self.name)


@contextmanager
def order_of(what: str | None, say: Say, own: Own | None = None) -> Iterator[Order]:
    """Hold the order for ``what``: a recipe's name or file, ``debian:7.2``, or a tree's folder.

    None is the kernel that runs use. The recipes' files last as long as the order is held.

    Raises:
        SpecError: nothing is called so, or a file is wrong.
        HostError: a hash cannot be built; a folder is no tree of the source.
    """
    what, own = what or kernel_in_use(), own or Own()
    base = None if _is_tree(what) else _recipe_named(what)
    if base is not None and not own:
        yield Order((base,))
        return
    with tempfile.TemporaryDirectory(prefix="tcpexp-recipe-") as name:
        folder = Path(name)
        if base is not None:
            kernel = _name_for(base.name, own)
            title = f"{base.title}, with {_listed(own)}" if own.files else base.title
            yield Order((_derive(folder, base, own, name=kernel, title=title),))
        elif _is_tree(what):
            tree = SourceTree(Path(what).resolve())
            say(f"reading {tree.path}: Linux {tree.version}, {len(tree.files):,} files")
            word = re.sub(r"[^A-Za-z0-9.+~:-]", "-", tree.path.name)[:80] or "tree"
            source = TreeSource(tree=word, sha256=tree.sha256())
            kernel = _name_for(_as_name(word), own)
            yield Order(_candidates(folder, tree.series, source, kernel, own), tree)
        else:
            series = _SERIES.fullmatch(what)
            assert series is not None  # else _recipe_named has raised
            package = f"linux-source-{series[1]}"
            suites = tuple(suite for group in SUITES for suite in group)
            newest = Source(package=package, suites=suites, version=NEWEST)
            kernel = _name_for(f"debian-{series[1]}", own)
            yield Order(_candidates(folder, series[1], newest, kernel, own))


def _is_tree(what: str) -> bool:
    """Return whether ``what`` is a folder's path, and no name that a folder happens to have."""
    return full_name(what) is None and Path(what).is_dir()


def _recipe_named(what: str) -> Recipe | None:
    """Return the recipe that ``what`` names; None for a series of Debian's that none is for.

    Raises ``SpecError`` and ``HostError`` where ``what`` names nothing that can be built.
    """
    if what.endswith(".yaml") or full_name(what) is not None:
        return load_recipe(what)
    if _SERIES.fullmatch(what):
        return None
    if "/" in what:
        raise HostError(f"there is no folder {what}", hint="give the path of a tree, or a name")
    if re.fullmatch("[0-9a-f]{4,64}", what):
        hint = "tcpexp kernel list says which there are; tcpexp kernel import FILE brings one"
        raise HostError(f"the kernel {what} is not here, and a hash cannot be built", hint=hint)
    kernel = find_kernel(what)
    assert kernel is not None  # else find_kernel has raised
    recipe = load_recipe(str(kernel.path / "recipe" / "recipe.yaml"))
    if isinstance(recipe.source, TreeSource):
        hint = f"tcpexp kernel build PATH --name {what}"
        message = f"the source of {what} is the tree {recipe.source.tree}: say where it is"
        raise HostError(message, hint=hint)
    return recipe


def _candidates(
    folder: Path, series: str, source: Source | TreeSource, name: str, own: Own
) -> tuple[Recipe, ...]:
    """Return a recipe for this source by each of the shipped ones, the nearest series first."""
    found = []
    for base in sorted(map(load_recipe, shipped_recipes()), key=lambda it: _apart(it, series)):
        place = folder / base.series
        place.mkdir()
        of = f"of the tree {source.tree}" if isinstance(source, TreeSource) else "of Debian"
        title = f"Linux {series} {of}, by the recipe of {base.name}"
        title += f", with {_listed(own)}" if own.files else ""
        facts = {"name": name, "title": title, "series": series, "source": source}
        found.append(_derive(place, base, own, **facts))
    return tuple(found)


def _apart(recipe: Recipe, series: str) -> tuple[int, int]:
    """Return how far apart two series are, in releases; of two as far, the newer comes first."""
    mine, wanted = (
        int(major) * _MINORS + int(minor)
        for major, minor in (text.split(".") for text in (recipe.series, series))
    )
    return abs(mine - wanted), -mine


def _derive(folder: Path, base: Recipe, own: Own, **changed: object) -> Recipe:
    """Write a recipe to ``folder`` that is ``base`` with ``changed`` values and what is own."""
    (folder / OWN).mkdir(exist_ok=True)
    for path in own.files:
        if not path.is_file():
            raise SpecError("there is no such file", where=str(path))
        if not _FILE.fullmatch(path.name):
            raise SpecError("this file's name has letters that no recipe has", where=str(path))
        if (folder / OWN / path.name).exists():
            raise SpecError("another file has the same name", where=str(path))
        shutil.copyfile(path, folder / OWN / path.name)
    _copy_files(base, folder)
    for path in own.patches:
        patched_files(path)
    series = str(changed.get("series", base.series))
    shipped = (_patch_for(base, name, series) for name in base.patches)
    patches = (*shipped, *(f"{OWN}/{path.name}" for path in own.patches))
    config = (*base.config, *(() if own.config is None else (f"{OWN}/{own.config.name}",)))
    return write_recipe(folder, base, patches=patches, config=config, **changed)


def _patch_for(base: Recipe, name: str, series: str) -> str:
    """Return the patch that does for ``series`` what ``name`` does for the base's series."""
    of_series = f"patches/{series}/{Path(name).name}"
    return of_series if (base.file.parent / of_series).is_file() else name


def _copy_files(recipe: Recipe, folder: Path) -> None:
    """Copy what lies beside a recipe to ``folder``."""
    for name in (*recipe.config, *recipe.patches):
        source = recipe.file.parent / name
        if recipe.file.parent != folder and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)


def finished_recipe(recipe: Recipe, folder: Path, **changed: object) -> Recipe:
    """Return a recipe with what has been found out since, written to ``folder``."""
    folder.mkdir(exist_ok=True)
    _copy_files(recipe, folder)
    return write_recipe(folder, recipe, **changed)


def _name_for(default: str, own: Own) -> str:
    """Return the new kernel's name: the one that was given, or one that says what is own."""
    name = own.name or "-".join([default, *(_as_name(path.stem) for path in own.files)])[:40]
    if not _NAME.fullmatch(name):
        hint = "small letters, digits, '.', '+' and '-', a letter first, at most 40: --name NAME"
        raise SpecError(f"'{name}' cannot name a kernel", hint=hint)
    if name in shipped_recipes():
        raise SpecError(
            f"'{name}' is a kernel that comes with tcpexp", hint="another one: --name NAME"
        )
    return name


def _as_name(text: str) -> str:
    """Return ``text`` with nothing in it that a kernel's name cannot have."""
    name = re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-")
    return name if name[:1].isalpha() else f"linux-{name}".rstrip("-")


def _listed(own: Own) -> str:
    return ", ".join(path.name for path in own.files)


def fitting_recipe(order: Order, tree: Path, work: Path, log: Path, say: Say) -> Recipe:
    """Return the first of the order's recipes whose patches all fit the source in ``tree``.

    They are tried on copies in ``work``. Raises ``RunError`` that says of each which does not fit.
    """
    if len(order.recipes) == 1:
        return order.recipes[0]
    words = []
    for recipe in order.recipes:
        wrong = _misfit(recipe, tree, work / "trial", log)
        if wrong is None:
            say(f"kernel {recipe.name}: {recipe.title}")
            return recipe
        words.append(f"  {wrong}")
    raise RunError(
        f"no patches of tcpexp's fit this source of Linux {order.recipes[0].series}:\n"
        + "\n".join(words),
        hint=(
            "copy the recipe and the patches of the nearest series to a folder of yours, mend"
            f" what does not fit, and build that recipe (docs/guides/kernels.md); patch's words:"
            f" {log}"
        ),
    )


def _misfit(recipe: Recipe, tree: Path, trial: Path, log: Path) -> str | None:
    """Return the first of the shipped patches that does not fit, in words; None where all do."""
    patches = [name for name in recipe.patches if not name.startswith(f"{OWN}/")]
    shutil.rmtree(trial, ignore_errors=True)
    for name in patches:
        for file in patched_files(recipe.path(name)):
            if (tree / file).is_file() and not (trial / file).exists():
                (trial / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree / file, trial / file)
    trial.mkdir(exist_ok=True)
    for name in patches:
        try:
            apply_patch(recipe.path(name), trial, log, name)
        except RunError:
            return name
    return None


def apply_patch(path: Path, tree: Path, log: Path, name: str, hint: str | None = None) -> None:
    """Apply one patch exactly; raises ``RunError`` with its name, and patch's own words."""
    argv = ["patch", "-p1", "--forward", "--fuzz=0", "--batch", "-i", str(path)]
    try:
        call(argv, log, cwd=tree, what=f"the patch {name} does not fit this source")
    except RunError as error:
        if hint is not None:
            error.hint = f"{hint}; {error.hint}"
        raise
