"""tcpexp: reproducible TCP experiments on a Mininet network, on the kernel's own TCP."""

__version__ = "0.1.0"
