# SPDX-License-Identifier: MIT
"""Makes tables from the measurements of bench_cuda and torch_cuda_lstm.py: Rondo's algorithms and cuDNN.

Usage: cuda_report.py FILE.jsonl... [--results DIR] [--commit C] [--driver V]. Prints the tables; with --results it also
writes them to DIR/<GPU>.md and DIR/<GPU>.json. If a configuration was measured twice, the later one is used; a failure
is always reported. Exit status: 1 if there was one.
"""

import argparse
import datetime
import json
import pathlib
import re
import statistics
import sys

ALGORITHMS = ("stepwise", "graph", "grid_persistent", "cluster_persistent", "dataflow_persistent")
PRECISIONS = ("bf16", "fp16", "fp32", "tf32")
SHAPE = ("T", "B", "C", "H", "L")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path, help="folder to write to")
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--driver", default="", help="driver version from nvidia-smi")
    return parser.parse_args()


class Measured:
    """The lines of all files. Rows are keyed by (shape, precision)."""

    def __init__(self, files):
        self.device, self.torch, self.ours, self.theirs, self.faults = {}, {}, {}, {}, []
        for path in files:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                try:
                    self.take(json.loads(line))
                except json.JSONDecodeError:  # the program was stopped during a write
                    print(f"cuda_report.py: {path}, line {number} is incomplete and skipped", file=sys.stderr)

    def take(self, line):
        side = line.pop("side")
        if side == "device":
            self.device = line
        elif side == "torch":
            self.torch = line
        elif side == "cudnn":
            self.theirs[tuple(line[k] for k in SHAPE), line["precision"]] = line
        else:
            shape = tuple(line[k] for k in SHAPE)
            if line["status"] not in ("ok", "does not fit"):
                self.faults.append(line)
            self.ours.setdefault((shape, line["precision"]), {})[line["algorithm"]] = line

    def keys(self):
        """The most important configurations first."""
        def order(key):
            (T, B, C, H, L), precision = key
            return L, H, B, T, C, PRECISIONS.index(precision)

        return sorted(self.ours, key=order)

    def times(self, key, field, ran):
        """{algorithm: µs per step} of the algorithms that ran without falling back; `ran` are the fields to check."""
        return {algorithm: line[field] for algorithm, line in self.ours[key].items()
                if line["status"] == "ok" and field in line and all(line[r] == algorithm for r in ran)}

    def cudnn(self, key, field):
        line = self.theirs.get(key)
        return line[field] if line else None


def format_number(value):
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def table(header, lines):
    rule = ["---", "---"] + ["---:"] * (len(header) - 2)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *lines]) + "\n"


def shape_text(key):
    (T, B, C, H, L), _ = key
    text = f"H {H}, B {B}" + (f", L {L}" if L > 1 else "")
    return text + (f", T {T}" if T != 1024 else "") + (f", C {C}" if C != H else "")


def comparisons(measured, field, ran):
    """[{key, best algorithm, its time, cuDNN's, ratio}] for everything that was measured on both sides."""
    rows = []
    for key in measured.keys():
        times = measured.times(key, field, ran)
        theirs = measured.cudnn(key, field)
        if times and theirs:
            best = min(times, key=times.get)
            rows.append({"key": key, "algorithm": best, "us": times[best], "cudnn_us": theirs, "ratio": theirs / times[best]})
    return rows


def algorithm_table(measured, field, ran, lower_bound):
    inference = field == "forward_us"
    header = ["shape", "precision", "cuDNN", *(["cuDNN, no gradients"] if inference else []), "best", "ratio", *ALGORITHMS,
              "lower bound of the best"]
    rows = {row["key"]: row for row in comparisons(measured, field, ran)}
    lines = []
    for key in measured.keys():
        times = measured.times(key, field, ran)
        if not times:
            continue
        best = min(times, key=times.get)
        ratio = f"{rows[key]['ratio']:.2f}" if key in rows else ""
        theirs = [measured.cudnn(key, field)] + ([measured.cudnn(key, "inference_us")] if inference else [])
        lines.append([shape_text(key), key[1], *map(format_number, theirs), format_number(times[best]), ratio,
                      *(format_number(times.get(algorithm)) for algorithm in ALGORITHMS),
                      format_number(measured.ours[key][best][lower_bound])])
    return table(header, lines)


def means(measured):
    """Geometric means of the ratios over single layers of H >= 256, by precision and direction."""
    lines = []
    for title, field, ran in DIRECTIONS:
        rows = [row for row in comparisons(measured, field, ran) if row["key"][0][3] >= 256 and row["key"][0][4] == 1]
        for precision in PRECISIONS:
            ratios = [row["ratio"] for row in rows if row["key"][1] == precision]
            if ratios:
                ahead = sum(ratio > 1 for ratio in ratios)
                lines.append([title, precision, f"{statistics.geometric_mean(ratios):.2f}", f"{ahead} of {len(ratios)}"])
    return table(["", "precision", "geometric mean of the ratios", "faster than cuDNN"], lines)


DIRECTIONS = [("forward (training)", "forward_us", ["ran_forward"]),
              ("forward and backward", "forward_backward_us", ["ran_forward", "ran_backward"])]


def about(measured, options):
    device, torch = measured.device, measured.torch
    def version(number):
        return f"{number // 1000}.{number % 1000 // 10}"

    facts = {"date": datetime.date.today().isoformat(), "commit": options.commit, "device": device["device"],
             "compute capability": f"{device['major']}.{device['minor']}",
             "multiprocessors": device["multiprocessors"], "driver": options.driver or "unknown",
             "CUDA of the driver": version(device["driver"]), "CUDA runtime": version(device["runtime"])}
    if torch:
        facts |= {"PyTorch": torch["torch"], "its CUDA": torch["cuda"], "cuDNN": torch["cudnn"]}
    return facts


def markdown(measured, options):
    facts = about(measured, options)
    text = f"# {facts['device']}: LSTM, Rondo and cuDNN\n\n"
    text += "; ".join(f"{key} {value}" for key, value in facts.items() if key != "device") + ".\n\n"
    text += ("Times are µs per time step, medians of events in the stream, including the input products, at T = 1024\n"
             "and C = H unless stated. A ratio is cuDNN's time (torch.nn.LSTM, same precision) over that of Rondo's\n"
             "best algorithm: above 1, Rondo is faster. Rondo's inputs, outputs, states and gradients are fp32 in every\n"
             "precision; torch's have the precision of the row. Empty: does not fit the device, or not measured. The lower bound is computed from data sheets\n"
             "(bench/cuda_lower_bound.cpp). All runs use the same inputs: small ones stay in L2. Made by\n"
             "tests/run_gpu.sh.\n")
    text += "\n## Summary\n\n" + means(measured)
    for (title, field, ran), lower_bound in zip(DIRECTIONS, ("forward_lower_bound_us", "forward_backward_lower_bound_us")):
        text += f"\n## {title[0].upper()}{title[1:]}, µs per step\n\n" + algorithm_table(measured, field, ran, lower_bound)
    if measured.faults:
        text += "\n## Faults\n\n" + "".join(f"- {fault_text(fault)}\n" for fault in measured.faults)
    return text


def fault_text(fault):
    shape = ", ".join(f"{k} {fault[k]}" for k in SHAPE)
    return f"{fault['precision']}, {fault['algorithm']}, {shape}: {fault['status']}"


def as_json(measured, options):
    rows = []
    for key in measured.keys():
        shape, precision = key
        rows.append({**dict(zip(SHAPE, shape)), "precision": precision, "cudnn": measured.theirs.get(key),
                     "rondo": measured.ours[key]})
    return {**about(measured, options), "faults": measured.faults, "rows": rows}


def main():
    options = arguments()
    measured = Measured(options.files)
    if not measured.device or not measured.ours:
        print("cuda_report.py: no measurements of bench_cuda in the files", file=sys.stderr)
        return 1
    text = markdown(measured, options)
    print(text)
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        name = re.sub("[^a-z0-9]+", "-", measured.device["device"].lower()).strip("-")
        (options.results / f"{name}.md").write_text(text)
        (options.results / f"{name}.json").write_text(json.dumps(as_json(measured, options), indent=1) + "\n")
    for fault in measured.faults:
        print(f"cuda_report.py: {fault_text(fault)}", file=sys.stderr)
    return 1 if measured.faults else 0


if __name__ == "__main__":
    sys.exit(main())
