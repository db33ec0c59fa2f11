# SPDX-License-Identifier: MIT
"""Makes a table of Nsight Compute's measurements of the persistent kernels.

Usage: cuda_profile.py --metrics                       the metrics to ask ncu for
       cuda_profile.py FILE.csv... --results DIR       writes DIR/profile.json and DIR/profile.md from `ncu --csv`
"""

import argparse
import csv
import json
import pathlib
import re
import sys

METRICS = {
    "gpu__time_duration.sum": "time",
    "sm__cycles_elapsed.max": "cycles",
    "smsp__inst_executed.sum": "instructions",
    "sm__throughput.avg.pct_of_peak_sustained_elapsed": "SM throughput",
    "sm__inst_executed_pipe_tensor.sum": "tensor instructions",
    "lts__t_bytes.sum": "L2 traffic",
    "dram__bytes.sum": "memory traffic",
    "launch__registers_per_thread": "registers",
    "launch__grid_size": "blocks",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--metrics", action="store_true")
    parser.add_argument("--results", type=pathlib.Path)
    return parser.parse_args()


def launches(path):
    """[{kernel, metrics {name: [value, unit]}}] in the order of the launches."""
    lines = path.read_text().splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith('"ID"')), None)  # messages come first
    if start is None:
        return []
    found = {}
    for row in csv.DictReader(lines[start:]):
        if row["Metric Name"] in METRICS:
            launch = found.setdefault(row["ID"], {"kernel": row["Kernel Name"], "metrics": {}})
            value = float(row["Metric Value"].replace(",", ""))
            launch["metrics"][METRICS[row["Metric Name"]]] = [value, row["Metric Unit"]]
    return list(found.values())


def pass_of(kernel):
    return "backward" if re.search("BackwardCells", kernel) else "forward"


def main():
    options = arguments()
    if options.metrics:
        print(",".join(METRICS))
        return 0
    rows = [{"run": path.stem.removeprefix("ncu-"), "pass": pass_of(launch["kernel"]), **launch}
            for path in sorted(options.files) for launch in launches(path)]
    if not rows:
        print("cuda_profile.py: no measurement of ncu in the files", file=sys.stderr)
        return 1
    header = ["kernel", "pass", *METRICS.values()]
    lines = ["# Persistent kernels in Nsight Compute\n",
             "T 64, B 16, H 512. Times under the profiler are longer than in use. Made by tests/run_gpu.sh.\n",
             "| " + " | ".join(header) + " |", "|---|---|" + "---:|" * len(METRICS)]
    for row in rows:
        cells = [row["run"], row["pass"]]
        for name in METRICS.values():
            value, unit = row["metrics"].get(name, ("", ""))
            cells.append(f"{value:g} {unit}".strip() if value != "" else "")
        lines.append("| " + " | ".join(cells) + " |")
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "profile.md").write_text("\n".join(lines) + "\n")
    (options.results / "profile.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
