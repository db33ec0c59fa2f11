# SPDX-License-Identifier: MIT
"""Runs Rondo and other libraries side by side and writes the results. bench/run.sh calls it.

One process computes at a time. For each benchmark the libraries alternate in rounds, so that other load on the machine
affects all of them alike; the result of each is the median over its rounds.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

import report
from sides import Peak, Rondo, Worker
from worker import parse

ROOT = pathlib.Path(__file__).parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of bench_lstm and bench_midi")
    parser.add_argument("--results", type=pathlib.Path, required=True, help="folder to write to")
    parser.add_argument("--midi", type=pathlib.Path, required=True, help="folder of MIDI files")
    parser.add_argument("--filter", default="", help="regular expression: only benchmarks with matching names")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.1 s instead of 5 rounds of 0.3 s")
    return parser.parse_args()


def measure(name, sides, rounds, seconds):
    """{side: its replies, one per round}, without sides that lack the operation. `sides` is {side: object}."""
    replies = {side: [] for side in sides}
    for _ in range(rounds):
        for side, program in sides.items():
            replies[side].append(program.measure(name, seconds))
    return {side: list(filter(None, got)) for side, got in replies.items() if any(got)}


def row(name, replies):
    """One line of the results: medians in milliseconds per call, the ratios of other libraries to Rondo, and the peak
    of the machine in the same rounds."""
    def median(side, key):
        return statistics.median(reply[key] for reply in replies[side])

    def cost(side):  # relative to the megabytes that the library can read
        return median(side, "ms") / (median(side, "MB") if name.startswith("midi_") else 1)

    ours = replies["Rondo"][0]
    times = [side for side in replies if side != "peak"]
    counters = ("GFLOP/s", "us_per_step", "tokens/s", "GB/s", "MB/s")
    return {
        "name": name,
        "ms": {side: median(side, "ms") for side in times},
        "ratio": {side: cost(side) / cost("Rondo") for side in times if side != "Rondo"},
        "counters": {key: median("Rondo", key) for key in counters if key in ours},
        "peak GFLOP/s": median("peak", "GFLOP/s") if "peak" in replies else None,
        "rounds_ms": {side: [reply["ms"] for reply in replies[side]] for side in times},
    }


def run_group(rondo, peers, options, threads=1):
    """(rows, versions) of one program's benchmarks with this number of threads. `peers` is [(script, its argument)]."""
    names = [name for name in rondo.names()
             if parse(name)[1].get("threads", 1) == threads and re.search(options.filter, name)]
    workers = [Worker(script, threads, argument) for script, argument in peers] if names else []
    rounds, seconds = (2, 0.1) if options.quick else (5, 0.3)
    rows = []
    for name in names:
        sides = {"Rondo": rondo}
        if not name.startswith("peak"):
            sides |= {worker.name: worker for worker in workers}
        if name.startswith(("lstm_", "gru_", "training_")):
            sides["peak"] = Peak(rondo, threads)
        replies = measure(name, sides, rounds, seconds)
        if "Rondo" not in replies:
            print(f"{name}: not supported on this machine", flush=True)
            continue
        rows.append(row(name, replies))
        print(f"{name}: {report.summary_line(rows[-1])}", flush=True)
    for worker in workers:
        worker.close()
    return rows, {key: value for worker in workers for key, value in worker.about.items()}


def run_all(options):
    """(rows, versions of all libraries)"""
    lstm, midi = options.bin / "bench_lstm", options.bin / "bench_midi"
    versions = Rondo(lstm, 1).about()
    groups = [run_group(Rondo(lstm, threads), [("torch_lstm.py", threads), ("onnx_lstm.py", threads)], options, threads)
              for threads in (1, 2)]
    groups.append(run_group(Rondo(midi, 1, "--midi", options.midi), [("symusic_midi.py", options.midi)], options))
    for _, others in groups:
        versions |= others
    return [row for rows, _ in groups for row in rows], versions


def processor():
    """Fields of lscpu, and the relevant instruction sets of the processor."""
    lines = subprocess.run(["lscpu"], capture_output=True, check=True, text=True, env={"LC_ALL": "C"}).stdout
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines.splitlines())}
    matter = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")
    flags = fields.get("Flags", "").split()
    wanted = ("Model name", "CPU family", "Model", "CPU(s)", "L1d cache", "L2 cache", "L3 cache")
    return {**{key: fields[key] for key in wanted if key in fields}, "flags": [f for f in matter if f in flags]}


def commit():
    """The commit, with the suffix "-dirty" for an uncommitted working tree."""
    describe = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True,
                              cwd=ROOT)
    return describe.stdout.strip() or "unknown"


def slug(cpu):
    """File name for the processor. The model name alone is not specific enough on virtual machines."""
    name = f"{cpu.get('Model name', 'cpu')} family {cpu.get('CPU family', '')} model {cpu.get('Model', '')}"
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def main():
    options = arguments()
    load = os.getloadavg()[0]  # average number of runnable processes in the last minute
    if load > 0.5:
        print(f"Other processes are running (load {load:.1f}): results are unreliable, on two threads in particular")
    rows, versions = run_all(options)
    if not rows:
        sys.exit(f"run.py: no benchmark matches '{options.filter}'")
    cpu = processor()
    results = {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "processor": cpu,
        "versions": versions,
        "quick": options.quick,
        "load_before": load,
        "geometric_means": report.geometric_means(rows),
        "rows": rows,
    }
    options.results.mkdir(parents=True, exist_ok=True)
    base = options.results / slug(cpu)
    base.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    base.with_suffix(".md").write_text(report.markdown(results))
    print(f"Written: {base}.md and {base}.json")


if __name__ == "__main__":
    main()
