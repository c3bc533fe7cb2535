"""The parts of ``benchmarks/cost.py``: cases, watching a command, arrangements, tables, figure."""
