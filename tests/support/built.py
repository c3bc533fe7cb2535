"""The distributions, built from a copy of the files that belong to the repository, and all that
they need beside them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_bytes
from email.message import Message
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What the wheel has: the package, and folders of the repository inside it.
INSIDE = {
    "tcpexp": "tcpexp",
    "experiments": "tcpexp/share/experiments",
    "topologies": "tcpexp/share/topologies",
    "docs": "tcpexp/share/docs",
}
_JUNK = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")


def repository_files(*folders: str) -> list[str]:
    """Return the repository's files, by git's list where there is one.

    New files that are not ignored are among them.
    """
    argv = [
        "git",
        "-c",
        f"safe.directory={ROOT}",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *folders,
    ]
    done = (
        subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        if (ROOT / ".git").exists()
        else None
    )
    if done is not None and done.returncode == 0:
        names = done.stdout.splitlines()
    else:
        tops = folders or [
            path.name for path in ROOT.iterdir() if path.name not in ("results", "build", "dist")
        ]
        names = [
            str(path.relative_to(ROOT))
            for top in tops
            for path in ([ROOT / top] if (ROOT / top).is_file() else (ROOT / top).rglob("*"))
        ]
    return sorted(
        name
        for name in names
        if (ROOT / name).is_file()
        and not name.endswith(".pyc")
        and not set(Path(name).parts) & set(_JUNK)
    )


def copy_repository(target: Path) -> Path:
    """Copy the repository's files, so that a build leaves nothing in the checkout."""
    for name in repository_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def call(*argv: str | Path, cwd: Path | None = None) -> None:
    """Run a command; raises with its output where it fails."""
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def pip(*arguments: str | Path) -> None:
    """Call this environment's pip."""
    call(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)


def build_sdist(source: Path, target: Path) -> Path:
    """Return the source distribution of a copy of the repository."""
    target.mkdir()
    code = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    call(sys.executable, "-c", code, target, cwd=source)
    (found,) = target.glob("*.tar.gz")
    return found


def build_wheel(source: Path, target: Path) -> Path:
    """Return the wheel of a source distribution.

    An installation builds it in an environment of its own, which needs the network; where the
    present setuptools serves (77), it does.
    """
    here = int(version("setuptools").partition(".")[0]) >= 77
    pip(
        "wheel",
        "--no-deps",
        *(["--no-build-isolation"] if here else []),
        "--wheel-dir",
        target,
        source,
    )
    (found,) = target.glob("tcpexp-*.whl")
    return found


def wheel_files(wheel: Path) -> set[str]:
    """Return the names of a wheel's files, without its metadata."""
    return {name for name in all_files(wheel) if ".dist-info/" not in name}


def all_files(wheel: Path) -> list[str]:
    """Return the names of all files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def wheel_metadata(wheel: Path) -> Message:
    """Return what a wheel says about itself."""
    (name,) = (name for name in all_files(wheel) if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(name))


def expected_files() -> set[str]:
    """Return what the wheel must have: every file of the package and of the shared folders."""
    return {
        INSIDE[name.partition("/")[0]] + "/" + name.partition("/")[2]
        for name in repository_files(*INSIDE)
    }


def gather_wheels(wheel: Path, folder: Path) -> None:
    """Put the wheel and all that it needs into a folder, from which it can be installed without a
    network.

    Where no package can be had, what is installed here is copied instead, as ``installed``.
    """
    try:
        pip("wheel", "--wheel-dir", folder, f"tcpexp[pdf] @ {wheel.as_uri()}")
    except AssertionError:
        shutil.copytree(
            sysconfig.get_path("purelib"),
            folder / "installed",
            ignore=shutil.ignore_patterns("__pycache__", "__editable__*", "tcpexp*"),
        )
    shutil.copy2(wheel, folder)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)


def install_command(folder: Path) -> str:
    """Return what a user types in the folder of a virtual environment ``env`` to install what
    :func:`gather_wheels` gathered.
    """
    pip = f"env/bin/pip install --quiet --no-compile --no-index --find-links {folder}"
    if not (folder / "installed").is_dir():
        return f"{pip} 'tcpexp[pdf]'"
    return (
        f"echo {folder}/installed > $(echo env/lib/python*/site-packages)/installed.pth && {pip}"
        " --no-deps tcpexp"
    )
