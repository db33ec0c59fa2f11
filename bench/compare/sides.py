# SPDX-License-Identifier: MIT
"""The programs that are compared: Rondo's, started for each measurement, and persistent workers of other libraries.
Each has measure(name, seconds): {"ms": milliseconds per call, ...}, or None if it lacks the operation."""

import json
import pathlib
import re
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).parent


def pinned(threads):
    """Prefix that pins a command to `threads` processors, always the same ones."""
    return ["taskset", "-c", "0" if threads == 1 else f"0-{threads - 1}"]


class Rondo:
    """A Google Benchmark program. measure() includes its counters."""

    def __init__(self, program, threads, *flags):
        self.command = [*pinned(threads), program, *flags]

    def run(self, *flags):
        out = subprocess.run([*self.command, *flags], capture_output=True, check=True, text=True)
        return out.stdout

    def names(self):
        return self.run("--benchmark_list_tests").split()

    def about(self):
        """Version, compiler and flags of Rondo: {"compiler": ..., "flags": ..., ...}."""
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
    """The machine's current peak rate on `threads` threads, to which operations are compared."""

    def __init__(self, rondo, threads):
        self.rondo, self.name = rondo, f"peak_fma/threads:{threads}"

    def measure(self, _, seconds):
        return self.rondo.measure(self.name, seconds / 5)


class Worker:
    """Another library in a separate process with worker.py's protocol. `about` has its name and version."""

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
        time.sleep(0.02)  # until its threads have stopped spinning for more work
        return reply

    def close(self):
        self.process.stdin.close()
        self.process.wait()
