"""TCP itself, without input or output: segments and times go in, segments, timers and events come
out. Begin with :mod:`tcpexp.tcp.core.connection`.
"""
