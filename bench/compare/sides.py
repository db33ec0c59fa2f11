# SPDX-License-Identifier: MIT
"""The programs that are measured side by side: Rondo's own, called anew each time, and workers of other libraries, kept
alive. Each has measure(name, seconds): {"ms": milliseconds of a call, ...}, or None where it has no such operation."""

import json
import pathlib
import re
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).parent


def pinned(threads):
    """Prefix of a command that is to run on `threads` processors, always the same ones."""
    return ["taskset", "-c", "0" if threads == 1 else f"0-{threads - 1}"]


class Rondo:
    """A Google Benchmark program. Its counters are in what measure() gives."""

    def __init__(self, program, threads, *flags):
        self.command = [*pinned(threads), program, *flags]

    def run(self, *flags):
        out = subprocess.run([*self.command, *flags], capture_output=True, check=True, text=True)
        return out.stdout

    def names(self):
        return self.run("--benchmark_list_tests").split()

    def about(self):
        """What Rondo was built from and for: {"compiler": ..., "flags": ..., ...}."""
        context = json.loads(self.run("--benchmark_filter=peak_fma/threads:1", "--benchmark_format=json"))["context"]
        return {key: context[key] for key in ("rondo", "compiler", "flags", "cpu_level") if key in context}

    def measure(self, name, seconds):
        report = json.loads(self.run(f"--benchmark_filter=^{re.escape(name)}$", f"--benchmark_min_time={seconds}",
                                     "--benchmark_format=json"))
        (result,) = report["benchmarks"]
        if result.get("error_occurred"):
            return None
        to_ms = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}[result["time_unit"]]
        return {**result, "ms": result["real_time"] * to_ms}


class Peak:
    """The machine's peak at the time: what all operations on `threads` threads are shares of."""

    def __init__(self, rondo, threads):
        self.rondo, self.name = rondo, f"peak_fma/threads:{threads}"

    def measure(self, _, seconds):
        return self.rondo.measure(self.name, seconds / 5)


class Worker:
    """Another library, in a process of its own that speaks worker.py's protocol. `about` names it and its version."""

    def __init__(self, script, threads, argument):
        self.script = script
        self.process = subprocess.Popen([*pinned(threads), sys.executable, FOLDER / script, str(argument)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about = self.receive()
        self.name = next(iter(self.about))

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.script} ended with status {self.process.wait()}")
        return json.loads(line)

    def measure(self, name, seconds):
        self.process.stdin.write(f"{name} {seconds}\n")
        self.process.stdin.flush()
        reply = self.receive()
        time.sleep(0.02)  # until its threads have stopped waiting for more work at full speed
        return reply

    def close(self):
        self.process.stdin.close()
        self.process.wait()
