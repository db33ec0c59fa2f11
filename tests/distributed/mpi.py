#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs mpi_ranks under mpirun and checks what every rank says.

Usage: mpi.py --mpirun PROGRAM --ranks PROGRAM --other-version PROGRAM [--example PROGRAM]
--other-version: mpi_ranks with another version of Rondo.
--example: examples/distributed.cpp, which must learn equally with any number of ranks.
"""

import argparse
import re
import sys
import time

import launch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--ranks", required=True)
    parser.add_argument("--other-version", required=True)
    parser.add_argument("--example")
    options = parser.parse_args()
    bad = 0

    def run(ranks, scenario):
        start = time.monotonic()
        return *launch.run(options.mpirun, (ranks, [options.ranks, scenario])), time.monotonic() - start

    def check(right, scenario, ranks, status, out, err):
        nonlocal bad
        if not right:
            bad += 1
            print(f"{scenario} with {ranks} ranks: exit status {status}\n{out}\n{err}")

    for scenario in ("sums", "rounded", "collectives", "precision", "bytes"):
        for ranks in (1, 2, 3, 4):
            status, out, err, _ = run(ranks, scenario)
            lines = sorted(out.split("\n"))[1:]
            check(status == 0 and lines == [f"rank {r}: ok" for r in range(ranks)], scenario, ranks, status, out, err)

    # What each rank prints when rank 1 fails, and how long it may take.
    reasons = {
        "error": ("there is no file x.mid", "rank 1: there is no file x.mid"),
        "hang": (None, "no answer from rank 1 for 2 s"),
        "difference": ("rank 2 has another number than rank 0", "rank 2 has another number than rank 0"),
    }
    for scenario, (of_rank_1, of_others) in reasons.items():
        status, out, err, seconds = run(3, scenario)
        wanted = [f"rank {r}: {of_rank_1 if r == 1 else of_others}" for r in range(3) if r != 1 or of_rank_1]
        lines = sorted(line for line in out.split("\n") if line.startswith("rank"))
        check(status != 0 and lines == wanted and seconds < 10, scenario, 3, status, out, err)

    versions = ((2, [options.ranks, "collectives"]), (1, [options.other_version, "collectives"]))
    status, out, err = launch.run(options.mpirun, *versions)
    lines = sorted(line for line in out.split("\n") if line)
    wanted = [f"rank {r}: rank 2 has another version of Rondo than rank 0" for r in range(3)]
    check(status != 0 and lines == wanted, "another version", 3, status, out, err)

    status, out, err, seconds = run(3, "death")
    check(status != 0 and launch.names_process(1, out + err) and seconds < 10, "death", 3, status, out, err)

    losses = {}
    for ranks in (1, 2, 3) if options.example else ():
        status, out, err = launch.run(options.mpirun, (ranks, [options.example]))
        losses[ranks] = [float(loss) for loss in re.findall(r"loss (\S+) nats", out)]
        near = len(losses[ranks]) == 9 and all(abs(a - b) < 2e-3 for a, b in zip(losses[ranks], losses[1]))
        check(status == 0 and near, "the example", ranks, status, out, err)

    print("all scenarios pass" if not bad else f"{bad} scenarios fail")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
