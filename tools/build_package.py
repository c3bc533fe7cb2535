"""How the package is built: with experiments, topologies and pages inside.

In a checkout they lie at the top, where people look for them. An installed package has them below
``tcpexp/share``, where `tcpexp.paths.share_dir` finds them. ``pyproject.toml`` names the class.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[1]
#: Folders of the checkout that are installed as ``tcpexp/share/<folder>``.
SHARED = ("experiments", "topologies", "docs")


def files_below(folder: Path) -> list[Path]:
    """Return all files below ``folder``, relative to it, without what Python and editors leave."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not is_left_over(name))


def is_left_over(name: Path) -> bool:
    """Return whether a file was left by Python or an editor: compiled, or hidden."""
    return name.suffix == ".pyc" or any(
        part.startswith((".", "__pycache__")) for part in name.parts
    )


class BuildPackage(build_py):
    """Builds the package with the shared folders inside, from an empty folder: files removed since
    an earlier build do not come back.
    """

    def run(self) -> None:
        """Copy modules, data and the shared folders.

        An editable installation finds the latter in the checkout.
        """
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(Path(self.build_lib) / "tcpexp", ignore_errors=True)
        super().run()
        for source, target in self.shared():
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(source), str(target), preserve_mode=False)

    def shared(self) -> list[tuple[Path, Path]]:
        """Return each shared file with its place in the build."""
        share = Path(self.build_lib) / "tcpexp" / "share"
        return [
            (ROOT / folder / name, share / folder / name)
            for folder in SHARED
            for name in files_below(ROOT / folder)
        ]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return all files of the build."""
        shared = [] if self.editable_mode else [str(target) for _, target in self.shared()]
        return [*super().get_outputs(include_bytecode), *shared]
