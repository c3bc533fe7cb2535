"""Another user of TCP on the same machine: a network namespace of its own with the run's addresses,
a server on the run's port, a client on the run's port.
"""

import ctypes
import socket
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"
port, client_port = int(sys.argv[1]), int(sys.argv[2])


def serve(listener: socket.socket) -> None:
    while True:
        one, _ = listener.accept()
        one.sendall(bytes(5000))
        one.close()


if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
    sys.exit("no network namespace of its own")
for words in ("link set lo up", "addr add 10.0.0.1/32 dev lo", "addr add 10.0.0.2/32 dev lo"):
    subprocess.run(["ip", *words.split()], check=True)
server = socket.create_server(("0.0.0.0", port))
threading.Thread(target=serve, args=(server,), daemon=True).start()
print("serving", flush=True)
while True:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        client.bind(("10.0.0.1", client_port))
        client.connect(("10.0.0.2", port))
        while client.recv(65536):
            pass
    time.sleep(0.02)
