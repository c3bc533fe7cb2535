"""Small services over the user-space TCP: files, a calculator, a DNS answerer.

Protocols without input or output, and one server for all.
"""
