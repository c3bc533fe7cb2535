"""A prompt in the guest, on the kernel's console."""

import fcntl
import os
import termios

print("tcpexp guest, User-Mode Linux. 'exit' or Ctrl-D switches it off.", flush=True)
if os.getsid(0) == os.getpid():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv("/bin/sh", ["sh", "-i"])
