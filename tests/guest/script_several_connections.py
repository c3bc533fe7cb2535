"""Opens connections as programs do: one after the other from the same port, from threads, from a
child whose parent has gone.
"""

import os
import socket
import sys
import threading
import time

SERVER = (sys.argv[1], 80)


def get(source: int = 0) -> None:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("", source))
        one.connect(SERVER)
        one.sendall(b"GET /small.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while one.recv(65536):
            pass


for _ in range(3):
    get(40001)
    time.sleep(0.05)
threads = [threading.Thread(target=get) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.1)
        get()
    os._exit(0)
os.wait()
