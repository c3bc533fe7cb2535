"""The plan: a spec with every default, name and address resolved. Pure data, JSON on disk.

Importing this package stays cheap and standard-library only: ``tcpexp.plan.types`` also runs in the
guest.
"""
