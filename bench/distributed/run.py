#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench_distributed over memory and over slow networks between namespaces, with a table of what overlap hides.

Usage: run.py [--build FOLDER] [--config small medium] [--ranks 1 2 4] [--networks memory 1:1 1:10 10:1] [--json FILE]
A network is LATENCY_MS:GBIT_PER_S, one way, between namespaces of this machine (Linux, root); `memory` is MPI's own way
between processes of a machine. Needs -DRONDO_MPI=ON -DRONDO_BUILD_BENCHMARKS=ON and Open MPI.
"""

import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "tests" / "distributed"))
import launch


def mpirun(network, ranks):
    if network == "memory":
        return ["mpirun", "--bind-to", "none", "-np", str(ranks)]
    hosts = ",".join(f"10.77.0.{rank + 1}" for rank in range(ranks))
    settings = {
        "plm_rsh_agent": HERE / "in_namespace.sh",
        "oob_tcp_if_include": "10.77.0.0/24",
        "btl_tcp_if_include": "10.77.0.0/24",
        "btl": "self,tcp",
        "pml": "ob1",
    }
    flags = [str(word) for key, value in settings.items() for word in ("--mca", key, value)]
    return ["mpirun", *flags, "--bind-to", "none", "--host", hosts, "-np", str(ranks)]


def measure(options, network, ranks, config):
    wire = None
    if network != "memory":
        latency, rate = network.split(":")
        command = [options.build / "bin" / "shaped_network", str(ranks), latency, rate]
        wire = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if wire.stdout.readline() != "ready\n":
            sys.exit("shaped_network does not start; it needs root and /dev/net/tun")
    try:
        done = subprocess.run(
            [*mpirun(network, ranks), options.build / "bin" / "bench_distributed", "--config", config,
             "--batch-size", str(options.batch_size), "--rounds", str(options.rounds)],
            env=launch.ENVIRONMENT, capture_output=True, text=True, timeout=1800,
        )  # fmt: skip
    finally:
        if wire:
            wire.terminate()
            wire.wait()
    if done.returncode != 0:
        sys.exit(f"bench_distributed fails: {done.stderr}")
    return {"network": network, **json.loads(done.stdout)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build" / "release")
    parser.add_argument("--config", nargs="+", default=["small", "medium"])
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--networks", nargs="+", default=["memory", "1:10", "1:1", "10:1"])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    results = []
    print("config  network  ranks    alone exchange blocking overlapped (hidden)   bf16  local accumulate   ms per step")
    for config in options.config:
        for network in options.networks:
            for ranks in options.ranks:
                if ranks == 1 and network != "memory":
                    continue
                result = measure(options, network, ranks, config)
                results.append(result)
                ms = result["ms_per_step"]
                # Of the time that the exchange adds when it waits for backward, the part that overlap saves.
                seen = ms["overlapped"] - ms["alone"]
                hidden = 1 - seen / ms["exchange"] if ranks > 1 else float("nan")
                print(
                    f"{config:7} {network:8} {ranks:5} {ms['alone']:8.1f} {ms['exchange']:8.1f} {ms['blocking']:8.1f} "
                    f"{ms['overlapped']:10.1f} {hidden:8.0%} {ms['bf16']:6.1f} {ms['local']:6.1f} {ms['accumulate']:10.1f}",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
