"""Parts of the benchmarks of sweeps."""
