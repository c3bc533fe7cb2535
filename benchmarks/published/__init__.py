"""Published facts beside measured ones: what docs/concepts/literature.md is made from.

The page itself is written by ``benchmarks/literature.py``.
"""
