"""Package metadata of tcpexp, in one place."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def shipped(*folders: str) -> list[tuple[str, list[str]]]:
    """Return ``data_files`` that put each folder, with what is below it, under ``share/tcpexp``."""
    found = []
    for top in folders:
        for folder in [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir() and path.name != "__pycache__")]:
            files = [str(path.relative_to(ROOT)) for path in sorted(folder.iterdir()) if path.is_file()]
            found.append((str(Path("share/tcpexp") / folder.relative_to(ROOT)), files))
    return found


setup(
    name="tcpexp",
    version="0.1.0",
    description="Reproducible TCP experiments on a Mininet network, on the kernel's own TCP",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["tcpexp", "tcpexp.*"]),
    package_data={
        "tcpexp": [
            *("py.typed", "**/*.j2", "**/*.css", "**/*.js", "**/*.c", "**/*.o", "**/*.sh", "**/*.json", "**/LICENSE.*", "**/vendor/README.md"),
            *("kernels/*", "kernels/**/*"),  # under the GPL: tcpexp/kernels/COPYING
        ]
    },
    data_files=shipped("experiments", "topologies"),
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
        "dev": ["aioquic>=1.2", "hypothesis>=6.100", "mypy>=1.10", "playwright>=1.40", "pytest>=8.0", "pytest-xdist>=3.5", "ruff>=0.5", "types-PyYAML"],
    },
    entry_points={"console_scripts": ["tcpexp = tcpexp.cli.main:main"]},
)
