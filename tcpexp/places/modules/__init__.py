"""Congestion controls of one's own, compiled for the kernel in use."""
