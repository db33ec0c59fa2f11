#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs mpi_ranks under mpirun and checks what every rank says.

Usage: mpi.py --mpirun PROGRAM --ranks PROGRAM
"""

import argparse
import os
import re
import subprocess
import sys
import time


def run(options, ranks, scenario):
    environment = {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }
    start = time.monotonic()
    done = subprocess.run(
        [options.mpirun, "-np", str(ranks), options.ranks, scenario],
        env=environment, capture_output=True, text=True, timeout=100,
    )
    return done, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--ranks", required=True)
    options = parser.parse_args()
    bad = 0

    def check(right, scenario, ranks, done):
        nonlocal bad
        if not right:
            bad += 1
            print(f"{scenario} with {ranks} ranks: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")

    for scenario in ("sums", "rounded", "collectives", "precision"):
        for ranks in (1, 2, 3, 4):
            done, _ = run(options, ranks, scenario)
            lines = sorted(done.stdout.split("\n"))[1:]
            check(done.returncode == 0 and lines == [f"rank {r}: ok" for r in range(ranks)], scenario, ranks, done)

    # What each rank prints when rank 1 fails, and how long it may take.
    reasons = {
        "error": ("there is no file x.mid", "rank 1: there is no file x.mid"),
        "hang": (None, "no answer from rank 1 for 2 s"),
        "difference": ("rank 2 has another number than rank 0", "rank 2 has another number than rank 0"),
    }
    for scenario, (of_rank_1, of_others) in reasons.items():
        done, seconds = run(options, 3, scenario)
        wanted = [f"rank {r}: {of_rank_1 if r == 1 else of_others}" for r in range(3) if r != 1 or of_rank_1]
        lines = sorted(line for line in done.stdout.split("\n") if line.startswith("rank"))
        check(done.returncode != 0 and lines == wanted and seconds < 10, scenario, 3, done)

    done, seconds = run(options, 3, "death")
    check(done.returncode != 0 and re.search(r"rank 1\b", done.stderr) and seconds < 10, "death", 3, done)

    print("all scenarios pass" if not bad else f"{bad} scenarios fail")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
