#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`mpirun -np N piano train`: equal results, faults, resuming.

Usage: piano.py --mpirun PROGRAM --piano PROGRAM [--kills N]
--kills N: how many runs are killed at a random moment, each resumed to the bits of an unbroken run (default 3).
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

import launch

TINY = [
    "--scores", "--layers", 1, "--hidden", 32, "--embedding", 16, "--batch-size", 6, "--sequence-length", 16,
    "--no-augment", "--threads", 1,
]  # fmt: skip


class Test:
    def __init__(self, options, folder):
        self.options, self.folder = options, pathlib.Path(folder)
        self.failures = 0

    def check(self, right, what, *details):
        if not right:
            self.failures += 1
            print("failed:", what, *details, sep="\n")

    def command(self, run_dir, *arguments):
        return [self.options.piano, "train", "--run-dir", self.folder / run_dir, *arguments]

    def train(self, ranks, run_dir, *arguments):
        status, out, err = launch.run(self.options.mpirun, (ranks, self.command(run_dir, *arguments)))
        self.check(status == 0, f"{ranks} ranks, {run_dir}", out, err)
        return err

    def metrics(self, run_dir):
        return [json.loads(line) for line in (self.folder / run_dir / "metrics.jsonl").read_text().splitlines()]

    def same_bits(self, one, two, what):
        for name in ("model.safetensors", "last.safetensors"):
            a, b = (without_clock(self.folder / run / name) for run in (one, two))
            self.check(a == b, f"{what}: equal bits of {name}")

    # ---- the tests

    def equal_results(self):
        """N ranks train as one process does; dropout would differ."""
        runs = {}
        for ranks in (1, 2, 3, 4):
            self.train(ranks, f"equal{ranks}", *TINY, "--dropout", 0, "--steps", 20, "--evaluations", 4)
            runs[ranks] = self.metrics(f"equal{ranks}")
        for ranks in (2, 3, 4):
            self.check(len(runs[ranks]) == len(runs[1]), f"{ranks} ranks: as many lines")
            for own, alone in zip(runs[ranks], runs[1]):
                for key, tolerance in (("train_nll", 2e-4), ("valid_nll", 2e-4), ("grad_norm", 2e-3)):
                    if alone[key] is not None:
                        self.check(
                            abs(own[key] - alone[key]) < tolerance * abs(alone[key]),
                            f"{ranks} ranks, step {own['step']}: {key} is {own[key]}, alone {alone[key]}",
                        )
                self.check(own["tokens"] == alone["tokens"], f"{ranks} ranks: tokens of all")

    def repeated(self):
        for name, settings in {
            "gradients": ["--accumulate", 2],
            "rounded": ["--gradient-precision", "bf16"],
            "local": ["--local-steps", 5, "--outer-momentum", 0.9, "--outer-learning-rate", 0.7],
        }.items():
            steps = ["--steps", 30, "--evaluations", 3]
            for turn in (1, 2):
                self.train(2, f"{name}{turn}", *TINY, *settings, *steps)
            self.same_bits(f"{name}1", f"{name}2", f"{name}, repeated")
            # Broken off after a third, then resumed.
            self.train(2, f"{name}3", *TINY, *settings, *steps)
            self.rewind(f"{name}3", *TINY, *settings, *steps)
            self.same_bits(f"{name}1", f"{name}3", f"{name}, resumed")

    def rewind(self, run_dir, *arguments):
        """Replaces a run by one of which only the first evaluation has happened, and resumes it."""
        folder = self.folder / run_dir
        shutil.rmtree(folder)
        process = launch.start(self.options.mpirun, (2, self.command(run_dir, *arguments)))
        wait_for(folder / "last.safetensors")
        kill_a_rank(folder)
        process.communicate(timeout=60)
        self.train(2, run_dir, "--resume", "--threads", 1, *arguments[-2:])

    def killed(self):
        steps = ["--steps", 3000, "--evaluations", 30]
        self.train(3, "unbroken", *TINY, *steps)
        for kill in range(self.options.kills):
            name = f"killed{kill}"
            start = time.monotonic()
            process = launch.start(self.options.mpirun, (3, self.command(name, *TINY, *steps)))
            time.sleep(random.uniform(0.1, 3))
            rank = kill_a_rank(self.folder / name)
            killed = time.monotonic()
            out, err = process.communicate(timeout=60)
            seconds = time.monotonic() - killed
            if rank is not None:
                self.check(seconds < 10, f"kill {kill}: it ended after {seconds:.1f} s")
                named = launch.names_process(rank, out + err)
                self.check(process.returncode != 0 and named, f"kill {kill}: names rank {rank}", out, err)
            if not (self.folder / name / "last.safetensors").exists():  # killed before the first checkpoint
                shutil.rmtree(self.folder / name, ignore_errors=True)
                self.train(3, name, *TINY, *steps)
            else:
                self.train(3, name, "--resume", "--threads", 1, *steps[-2:])
            self.same_bits("unbroken", name, f"kill {kill} of rank {rank} after {killed - start:.1f} s")
            shutil.rmtree(self.folder / name)

    def other_number(self):
        self.train(3, "other", *TINY, "--steps", 20, "--evaluations", 2)
        for ranks in (2, 1, 4):
            self.train(ranks, "other", "--resume", "--steps", 20 + 10 * ranks, "--threads", 1)
        lines = self.metrics("other")
        self.check(lines[-1]["step"] == 60, "resumed with other numbers of ranks", lines[-1])

    def stopped(self):
        process = launch.start(self.options.mpirun, (2, self.command("stopped", *TINY, "--minutes", 5)))
        wait_for(self.folder / "stopped" / "metrics.jsonl")
        time.sleep(0.5)
        ranks = ranks_of(self.folder / "stopped")
        os.kill(ranks[1], signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.check("stopped at step" in err and process.returncode == 0, "SIGTERM of rank 1 stops all", out, err)
        self.check((self.folder / "stopped" / "last.safetensors").exists(), "SIGTERM: a checkpoint")

    def differences(self):
        settings = [a for a in TINY if a != "--scores"] + ["--steps", 5]
        scores = pathlib.Path(__file__).parents[2] / "examples" / "piano" / "scores"
        for name in ("a", "b"):  # the same path on two machines: here each rank has a working directory of its own
            shutil.copytree(scores, self.folder / name / "music")
        next((self.folder / "b" / "music").glob("*.abc")).unlink()

        def program(folder, *arguments):
            command = self.command("different", *settings, "--data", "music", *arguments)
            return (1, ["env", "-C", self.folder / folder, *command])

        for what, programs in (
            ("another configuration", (program("a"), program("a", "--clip", 0.5))),
            ("other data", (program("a"), program("b"))),
        ):
            status, out, err = launch.run(self.options.mpirun, *programs)
            lines = sorted(line for line in err.split("\n") if line.startswith("rank "))
            wanted = [f"rank {r} of 2: rank 1 has {what} than rank 0" for r in (0, 1)]
            self.check(status != 0 and lines == wanted, f"{what} is refused by name", out, err)

    def errors(self):
        status, out, err = launch.run(
            self.options.mpirun, (2, self.command("missing", "--data", self.folder / "nothing", "--steps", 5))
        )
        self.check(status != 0 and err.count("nothing") >= 2, "data that does not exist", out, err)
        status, out, err = launch.run(self.options.mpirun, (3, self.command("small", "--scores", "--batch-size", 2)))
        lines = [line for line in err.split("\n") if "--batch-size 2 is less than the 3 ranks that share it" in line]
        self.check(status != 0 and len(lines) == 3, "more ranks than sequences", out, err)
        status, out, err = launch.run(self.options.mpirun, (2, [self.options.piano, "inspect", self.folder]))
        line = "piano inspect: this is rank 1 of a launcher, but only train runs in several processes"
        self.check(status != 0 and line in err.split("\n"), "a command other than train", out, err)


def without_clock(path):
    """The bytes of a checkpoint but for its header's seconds and checksum."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    meta = header["__metadata__"]
    meta.pop("rondo.checksum")
    if "training" in meta:
        training = json.loads(meta["training"])
        training.pop("seconds")
        meta["training"] = training
    return header, data[8 + size :]


def ranks_of(run_dir):
    """The process of each rank of a run."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if str(run_dir).encode() in arguments and b"train" in arguments and arguments[0].endswith(b"piano"):
                environment = (entry / "environ").read_bytes()
                found[int(re.search(rb"\0(?:OMPI_COMM_WORLD|PMI)_RANK=(\d+)", environment)[1])] = int(entry.name)
        except (OSError, TypeError):
            pass
    return found


def kill_a_rank(run_dir):
    ranks = ranks_of(run_dir)
    if not ranks:
        return None
    rank = random.choice(list(ranks))
    try:
        os.kill(ranks[rank], signal.SIGKILL)
    except ProcessLookupError:
        return None
    return rank


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.002)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--piano", required=True)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--only")
    options = parser.parse_args()
    options.piano = os.path.abspath(options.piano)
    random.seed(options.kills)
    with tempfile.TemporaryDirectory() as folder:
        test = Test(options, folder)
        for name in ("equal_results", "repeated", "other_number", "stopped", "differences", "errors", "killed"):
            if options.only in (None, name):
                getattr(test, name)()
                print(f"{name}: done, {test.failures} failures so far", flush=True)
    return 1 if test.failures else 0


if __name__ == "__main__":
    sys.exit(main())
