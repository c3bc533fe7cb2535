"""The player against ``tcpexp.tcp``: sockets and a wire around its core, and virtual time."""
