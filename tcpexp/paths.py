"""Where things are: the checkout, shipped experiments and topologies, the cache, the results, the
user behind sudo.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from tcpexp.errors import Position, SpecError
from tcpexp.registry import suggest

PACKAGE = Path(__file__).resolve().parent
#: Folders of ``experiments/`` that are no chapters: what is in them is no experiment.
NO_CHAPTERS = ("studies", "rubrics")


def checkout_dir() -> Path | None:
    """Return the root of the checkout that this package runs from, or None when it was installed as
    a wheel.
    """
    root = PACKAGE.parent
    return root if (root / "setup.py").is_file() and (root / "experiments").is_dir() else None


def share_dir() -> Path:
    """Return the folder of ``experiments/``, ``topologies/`` and ``docs/``: the checkout, or
    ``share`` in the installed package.
    """
    return checkout_dir() or PACKAGE / "share"


def experiments_dir() -> Path:
    """Return the folder of the experiments that come with tcpexp."""
    return share_dir() / "experiments"


def topologies_dir() -> Path:
    """Return the folder of the topologies that come with tcpexp."""
    return share_dir() / "topologies"


def docs_dir() -> Path:
    """Return the folder of the documentation's pages."""
    return share_dir() / "docs"


def invoking_user() -> tuple[int, int] | None:
    """Return (uid, gid) of the user who called sudo, or None when this is not root through sudo."""
    if os.geteuid() != 0 or "SUDO_UID" not in os.environ:
        return None
    uid = int(os.environ["SUDO_UID"])
    return (uid, int(os.environ.get("SUDO_GID", uid))) if uid else None


def give_one_to_user(path: Path) -> None:
    """Hand ``path`` itself, not what is below it, to the user behind sudo.

    Does nothing when there is none.
    """
    owner = invoking_user()
    if owner is not None:
        os.chown(path, *owner, follow_symlinks=False)


def give_to_user(path: Path) -> None:
    """Hand ``path`` and all below it to the user behind sudo; does nothing when there is none."""
    owner = invoking_user()
    if owner is not None:
        give_tree(path, *owner)


def give_tree(path: Path, user: int, group: int) -> None:
    """Hand ``path`` and all below it to a user and group; symbolic links are not followed.

    Raises ``OSError``.
    """
    os.chown(path, user, group, follow_symlinks=False)
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            os.chown(os.path.join(folder, name), user, group, follow_symlinks=False)


def user_home() -> Path:
    """Return the home of the user, or of the user behind sudo, so that both find the same cache."""
    owner = invoking_user()
    if owner is not None:
        try:
            return Path(pwd.getpwuid(owner[0]).pw_dir)
        except KeyError:
            pass
    return Path.home()


def cache_dir() -> Path:
    """Return ``$XDG_CACHE_HOME/tcpexp``, by default ``~/.cache/tcpexp``; it need not exist."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (
        Path(given) if given and Path(given).is_absolute() else user_home() / ".cache"
    ) / "tcpexp"


def default_results_dir() -> Path:
    """Return where runs go without ``--out``: ``./results`` if it exists, else the checkout's, else
    ``./results``.
    """
    here = Path.cwd() / "results"
    if here.is_dir():
        return here
    checkout = checkout_dir()
    return here if checkout is None else checkout / "results"


def find_spec(name: str) -> Path:
    """Return the spec that the command line means by ``name``.

    The first that there is of:

    - the path as given;
    - the same path below the shipped files, so that a chapter's file is found from any folder;
    - for ``experiments/x.yaml`` the file ``x.yaml`` of whichever chapter has it;
    - for ``x`` the shipped experiment of that name.

    A path that does not exist raises ``SpecError``.
    """
    given = Path(name)
    bare = given.name == name and not given.suffix
    if given.exists() and not (bare and given.is_dir() and shipped_spec(name)):
        return given
    below = share_dir() / name
    if not given.is_absolute() and below.is_file():
        return below
    shipped = shipped_spec(name) if bare else _without_chapter(given)
    if shipped is not None:
        return shipped
    hint = suggest(given.stem, [path.stem for path in (*shipped_specs(), *shipped_studies())])
    raise SpecError("there is no such file or experiment", where=Position(name, 1, 1), hint=hint)


def _without_chapter(given: Path) -> Path | None:
    """Return the file that is meant by ``experiments/x.yaml``: that of the chapter that has it."""
    if given.parent.name != experiments_dir().name:
        return None
    folders = (given.parent, share_dir() / given.parent)
    return next(filter(None, (_in_chapters(folder, given.name) for folder in folders)), None)


def expand_specs(name: str) -> list[str]:
    """Return the specs in a folder, sorted; a name that is no folder is returned as it is.

    A folder is looked for as :func:`find_spec` looks for a file. Topologies that lie beside the
    specs are left out. A folder of folders, such as ``experiments/``, stands for the experiments in
    them, without studies and rubrics. A folder without specs raises ``SpecError``.
    """
    given = Path(name)
    if given.name == name and shipped_spec(name):
        return [name]
    folder = next((path for path in (given, share_dir() / name) if path.exists()), given)
    if not folder.is_dir():
        return [name]
    files = [path for path in _yaml_files(folder) if not is_topology(path)]
    if not files:
        files = [
            path
            for chapter in chapter_dirs(folder)
            for path in _yaml_files(chapter)
            if is_experiment(path)
        ]
    if not files:
        raise SpecError(
            "there is no spec in this folder",
            where=Position(name, 1, 1),
            hint="specs are files that end in .yaml or .yml",
        )
    return [str(path) for path in sorted(files, key=lambda path: (path.name, path))]


def _yaml_files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml") and path.name[0] != "." and path.is_file()
    ]


def is_topology(path: Path) -> bool:
    """Return whether a YAML file describes a network rather than an experiment: ``nodes:`` at the
    top level and no ``topology:``.
    """
    keys = _top_level_keys(path)
    return "nodes" in keys and "topology" not in keys


def is_experiment(path: Path) -> bool:
    """Return whether a YAML file is an experiment to run once: ``topology:`` at the top level and
    no ``sweep:``.
    """
    keys = _top_level_keys(path)
    return "topology" in keys and "sweep" not in keys


def _top_level_keys(path: Path) -> set[str]:
    """Return the words that begin a line of a YAML file and end in a colon.

    None where the file cannot be read: whoever loads it will say why.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return set(re.findall(r"^(\w+)\s*:", text, re.MULTILINE))


def chapter_dirs(folder: Path) -> list[Path]:
    """Return the chapters below a folder of experiments, sorted: its folders that hold neither
    studies nor rubrics.
    """
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and path.name[0] != "." and path.name not in NO_CHAPTERS
    )


def shipped_specs() -> list[Path]:
    """Return the experiments that come with tcpexp, of all chapters, sorted by name."""
    chapters = chapter_dirs(experiments_dir())
    return sorted(
        (path for chapter in chapters for path in chapter.glob("*.yaml")),
        key=lambda path: path.name,
    )


def shipped_spec(name: str) -> Path | None:
    """Return the shipped experiment or study called ``name``, or None."""
    study = studies_dir() / f"{name}.yaml"
    return _in_chapters(experiments_dir(), f"{name}.yaml") or (study if study.is_file() else None)


def _in_chapters(folder: Path, file: str) -> Path | None:
    """Return the file of that name in one of the chapters below ``folder``, or None."""
    paths = (chapter / file for chapter in chapter_dirs(folder))
    return next((path for path in paths if path.is_file()), None)


def studies_dir() -> Path:
    """Return the folder of the studies (specs with a sweep) that come with tcpexp."""
    return experiments_dir() / "studies"


def shipped_studies() -> list[Path]:
    """Return the studies that come with tcpexp, sorted by name."""
    return sorted(studies_dir().glob("*.yaml"))


def rubrics_dir() -> Path:
    """Return the folder of the rubrics that come with tcpexp."""
    return experiments_dir() / "rubrics"


def find_run(name: str, results: Path | None = None) -> Path:
    """Return the run directory meant by ``name``: a path, an experiment's folder or name (its
    newest run), or a run id.

    Raises ``SpecError`` when there is no such run.
    """
    results = results or default_results_dir()
    for folder in (Path(name), results / name):
        if is_run(folder):
            return folder
        if folder.is_dir() and (runs := [run for run in folder.iterdir() if is_run(run)]):
            return max(runs, key=_age_key)
    for run in all_runs(results):
        if run.name == name:
            return run
    raise SpecError(
        f"no run '{name}' in {results}",
        hint="give a run's folder, an experiment's name or a run id",
    )


def is_run(folder: Path) -> bool:
    """Return whether ``folder`` looks like a run directory."""
    return (folder / "plan.json").is_file()


def all_runs(results: Path) -> Iterator[Path]:
    """Yield every run directory below ``results``, oldest first within its experiment."""
    if not results.is_dir():
        return
    for experiment in sorted(results.iterdir()):
        if experiment.is_dir():
            yield from sorted((run for run in experiment.iterdir() if is_run(run)), key=_age_key)


def _age_key(run: Path) -> tuple[int, str]:
    return ((run / "plan.json").stat().st_mtime_ns, run.name)
