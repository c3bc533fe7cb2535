"""Package metadata of tcpexp, in one place, and which files are installed with the package."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
#: Folders of the checkout that are installed as ``tcpexp/share/<folder>``; `tcpexp.paths.share_dir`
#: finds them.
SHARED = ("experiments", "topologies", "docs")


def data_files_of(folder: Path) -> list[str]:
    """Return all files below ``folder``, relative to it, without what Python and editors leave
    there.
    """
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and not any(
            part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts
        )
    )


class BuildWithShare(build_py):
    """Builds the package with the shared folders inside, from an empty folder: files removed since
    an earlier build do not come back.
    """

    def run(self) -> None:
        """Copy modules, data and the shared folders.

        An editable installation finds the latter in the checkout.
        """
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib) / "tcpexp", ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for source, target in self.shared():
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(source), str(target), preserve_mode=False)

    def shared(self) -> list[tuple[Path, Path]]:
        """Return each shared file with its place in the build."""
        share = Path(self.build_lib) / "tcpexp" / "share"
        return [
            (ROOT / folder / name, share / folder / name)
            for folder in SHARED
            for name in data_files_of(ROOT / folder)
        ]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return all files of the build."""
        own = [] if self.editable_mode else [str(target) for _, target in self.shared()]
        return [*super().get_outputs(include_bytecode), *own]


setup(
    name="tcpexp",
    version="0.1.0",
    description="Reproducible TCP experiments on a Mininet network, on the kernel's own TCP",
    long_description=(
        (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
    ),
    long_description_content_type="text/markdown",
    # MIT; GPL-2.0-only is what lies in tcpexp/kernels (patches, configuration and recipes of the
    # Linux kernel).
    license="MIT AND GPL-2.0-only",
    license_files=["LICENSE", "tcpexp/kernels/COPYING", "tcpexp/report/page/vendor/LICENSE.uPlot"],
    python_requires=">=3.11",
    packages=find_packages(include=["tcpexp", "tcpexp.*"]),
    package_data={"tcpexp": data_files_of(ROOT / "tcpexp")},
    cmdclass={"build_py": BuildWithShare},
    install_requires=[
        "click>=8.1",
        "distributed>=2024.5",
        "fsspec>=2024.2",
        "jinja2>=3.1",
        "matplotlib>=3.8",
        "mininet>=2.3.0.dev6",
        "numpy>=1.26",
        "polars>=1.0",
        "pydantic>=2.7",
        "pyyaml>=6.0",
        "rich>=13.7",
    ],
    extras_require={
        "pdf": ["weasyprint>=60"],
        # for processors without AVX2: see docs/guides/install.md
        "rtcompat": ["polars[rtcompat]>=1.36"],
        "dev": [
            *(
                "aioquic>=1.2",
                "hypothesis>=6.100",
                "mypy>=1.10",
                "playwright>=1.40",
                "pytest>=8.0",
                "pytest-xdist>=3.5",
                "ruff>=0.5",
                "types-PyYAML",
            ),
            "setuptools>=77",  # the tests build the distributions
        ],
    },
    entry_points={"console_scripts": ["tcpexp = tcpexp.cli.main:main"]},
)
