"""Starts one process and measures it: wall and CPU seconds, and the peak of its memory.

A program of its own, and a small one: Linux counts the memory of whoever starts a process to that process's peak. It
reads {"command": [...], "environ": {...}, "output": path} and writes the figures, both as JSON.
"""

import json
import os
import sys
import time

job = json.load(sys.stdin)
began = time.perf_counter()
child = os.fork()
if not child:
    output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.execve(job["command"][0], job["command"], job["environ"])  # noqa: S606 - what the benchmark measures
_, status, usage = os.wait4(child, 0)
figures = {
    "wall": time.perf_counter() - began,
    "cpu": usage.ru_utime + usage.ru_stime,
    "peak": usage.ru_maxrss / 1024,
    "code": os.waitstatus_to_exitcode(status),
}
with open(job["output"], encoding="utf-8", errors="replace") as printed:  # noqa: PTH123 - pathlib is half of its memory
    print(json.dumps({**figures, "printed": printed.read()}))
