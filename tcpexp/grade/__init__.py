"""Many students' runs or specs against a rubric of checks, to one table."""
