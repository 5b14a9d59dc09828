"""Runs a command in a pseudo-terminal: pty.driver.py COLUMNS '[["wait for","then type"], …]' command arguments…

What the terminal showed goes to stdout, the exit code to the last line. Waits for texts, never for time.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

columns = int(sys.argv[1])
steps = json.loads(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    # The size is set from inside, so that it is there before the command starts.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if columns else 0, columns, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])

shown = b""
looked_at = 0
ends = time.monotonic() + 20
while True:
    while steps:
        text, answer = steps[0]
        found = shown.find(text.encode(), looked_at)
        if found < 0:
            break
        looked_at = found + len(text.encode())
        os.write(terminal, answer.encode())
        steps.pop(0)
    if time.monotonic() > ends or len(shown) > 1 << 20:
        os.kill(child, signal.SIGKILL)
        break
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the other side is closed
        break
    if not piece:
        break
    shown += piece
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(shown)
sys.stdout.write("\n%d\n" % os.waitstatus_to_exitcode(status))
if steps:
    sys.exit("never shown: " + steps[0][0])
