"""From one run to a study: many runs of one spec, their tables, statistics, figures and report."""
