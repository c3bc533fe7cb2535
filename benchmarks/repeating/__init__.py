"""Parts of the benchmark of repeatability."""
