"""Send COUNT numbered datagrams of SIZE payload bytes to ADDRESS, one every GAP microseconds."""

import socket
import sys
import time

address, count, size, gap_us = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((address, 9))
start = time.monotonic()
for number in range(count):
    wait = start + number * gap_us / 1e6 - time.monotonic()
    if wait > 0:
        time.sleep(wait)
    datagram = number.to_bytes(4, "big") * (size // 4)
    while True:
        try:
            sender.send(datagram)
            break
        except ConnectionRefusedError:
            # the other host has no such port and said so of an earlier one: this one was not sent
            continue
print("sent", count)
