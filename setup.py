"""Package metadata of tcpexp, in one place."""

from setuptools import find_packages, setup

setup(
    name="tcpexp",
    version="0.1.0",
    description="Reproducible TCP experiments on a Mininet network, on the kernel's own TCP",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["tcpexp", "tcpexp.*"]),
    package_data={"tcpexp": ["py.typed", "**/*.j2", "**/*.css", "**/*.js", "**/*.c", "**/*.sh", "**/*.json"]},
    install_requires=["click>=8.1", "jinja2>=3.1", "matplotlib>=3.8", "mininet>=2.3.0.dev6", "polars>=1.0", "pydantic>=2.7", "pyyaml>=6.0", "rich>=13.7"],
    extras_require={"dev": ["hypothesis>=6.100", "mypy>=1.10", "pytest>=8.0", "pytest-xdist>=3.5", "ruff>=0.5", "types-PyYAML"]},
    entry_points={"console_scripts": ["tcpexp = tcpexp.cli.main:main"]},
)
