# SPDX-License-Identifier: MIT
"""Formats results: rows of run.py in, a page of tables out."""

import itertools
import statistics

from worker import parse

# Prefix of the title of a network's operation.
NETWORKS = {
    "lstm": "",
    "lstm_bidirectional": "Bidirectional LSTM: ",
    "lstm_projection": "LSTM with projection: ",
    "lstm_peephole": "LSTM with peepholes (PyTorch: Python loop): ",
    "lstm_layer_norm": "LSTM with layer norm (PyTorch: Python loop): ",
    "gru": "GRU: ",
}

TITLES = {
    **{f"{network}_{operation}": prefix + title
       for network, prefix in NETWORKS.items()
       for operation, title in {
           "inference": "Inference",
           "inference_bf16": "Inference, bf16",
           "forward_backward": "Forward and backward",
           "forward_backward_bf16": "Forward and backward, bf16",
           "step": "One step of a stream",
       }.items()},
    "training_step": "Training step of the token model (388 tokens, Adam, clipped)",
    "training_step_bf16": "Training step of the token model, bf16",
}

# (B, H, L) at T = 100 included in the geometric means. The other shapes show how the cost grows with T and with B.
COMPARED = {(32, 128, 1), (32, 256, 1), (64, 256, 1), (16, 512, 1), (64, 512, 1), (1, 512, 1), (64, 1024, 1),
            (32, 512, 3)}


def arguments(name):
    return parse(name)[1]


def group(row):
    """Key of the table of a row: its operation and number of threads."""
    operation, a = parse(row["name"])
    return operation, a.get("threads", 1)


def compared(row):
    operation, a = parse(row["name"])
    if "_inference" in operation or "_forward_backward" in operation:
        return a["T"] == 100 and (a["B"], a["H"], a["L"]) in COMPARED
    return True


def geometric_means(rows):
    """{"lstm_step threads:1": {"PyTorch": mean of the ratios, ...}, ...} over the compared shapes."""
    means = {}
    for (operation, threads), members in itertools.groupby(rows, group):
        ratios = [row["ratio"] for row in members if compared(row)]
        sides = {side for ratio in ratios for side in ratio}
        if sides:
            means[f"{operation} threads:{threads}"] = {
                side: statistics.geometric_mean(r[side] for r in ratios if side in r) for side in sorted(sides)}
    return means


def format_number(value, digits=3):
    """Three significant digits, without an exponent."""
    if value >= 10 ** (digits - 1):
        return f"{value:.0f}"
    return f"{value:#.{digits}g}"


def summary_line(row):
    """One line for the console."""
    ms = ", ".join(f"{side} {format_number(ms)} ms" for side, ms in row["ms"].items())
    ratios = "".join(f"; {ratio:.2f} x {side}" for side, ratio in row["ratio"].items())
    rate = "".join(f" ({format_number(row['counters'][unit])} {unit})" for unit in ("GFLOP/s", "GB/s", "MB/s")
                   if unit in row["counters"])
    return ms + rate + ratios


def table(header, lines):
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *lines]) + "\n"


def shape(row):
    a = arguments(row["name"])
    layers = f", L {a['L']}" if a["L"] > 1 else ""
    inputs = f", C {a['C']}" if a["C"] != a["H"] else ""
    outputs = f", P {a['P']}" if "P" in a else ""
    return f"T {a['T']}, B {a['B']}, H {a['H']}{outputs}{inputs}{layers}"


def lstm_table(rows, means):
    """Times in ms, or in µs for a single step; a ratio is the other library's time over Rondo's."""
    sides = sorted({side for row in rows for side in row["ratio"]}, reverse=True)  # PyTorch before ONNX Runtime
    unit, scale = ("µs", 1e3) if group(rows[0])[0] in ("lstm_step", "gru_step") else ("ms", 1)
    training = group(rows[0])[0].startswith("training_step")
    header = ["shape", f"Rondo {unit}", "GFLOP/s", "share of peak"] + (["tokens/s"] if training else [])
    for side in sides:
        header += [f"{side} {unit}", "ratio"]
    lines = []
    for row in rows:
        gflops = row["counters"]["GFLOP/s"]
        share = "" if "bf16" in row["name"] else f"{gflops / row['peak GFLOP/s']:.0%}"  # the peak is that of fp32
        line = [shape(row), format_number(row["ms"]["Rondo"] * scale), format_number(gflops), share]
        line += [format_number(row["counters"]["tokens/s"])] if training else []
        for side in sides:
            line += [format_number(row["ms"][side] * scale), f"{row['ratio'][side]:.2f}"] if side in row["ratio"] else ["", ""]
        lines.append(line)
    if any(compared(row) for row in rows) and len(rows) > 1:
        line = ["geometric mean of the ratios"] + [""] * (len(header) - 1)
        for k, side in enumerate(sides):
            line[len(header) - 2 * (len(sides) - k) + 1] = f"**{means[side]:.2f}**" if side in means else ""
        lines.append(line)
    return table(header, lines)


def peaks(rows):
    lines = [[row["name"], format_number(value), unit] for row in rows for unit, value in row["counters"].items()]
    return table(["measured", "peak", "unit"], lines)


def midi_table(rows):
    sides = sorted({side for row in rows for side in row["ratio"]})
    header = ["operation", "Rondo MB/s"] + [cell for side in sides for cell in (f"{side} MB/s", "ratio")]
    lines = []
    for row in rows:
        ours = row["counters"]["MB/s"]
        line = [row["name"], format_number(ours)]
        for side in sides:
            line += [format_number(ours / row["ratio"][side]), f"{row['ratio'][side]:.2f}"]
        lines.append(line)
    return table(header, lines)


def sections(results):
    rows, means = results["rows"], results["geometric_means"]
    if found := [row for row in rows if row["name"].startswith("peak")]:
        yield "Peak rates of this machine", peaks(found)
    for (operation, threads), members in itertools.groupby(rows, group):
        if operation not in TITLES:
            continue
        members = list(members)
        title = f"{TITLES[operation]}, {threads} thread{'s' if threads > 1 else ''}"
        main, growth = [r for r in members if compared(r)], [r for r in members if not compared(r)]
        if main:
            yield title, lstm_table(main, means.get(f"{operation} threads:{threads}", {}))
        if growth:
            yield f"{title}: other shapes", lstm_table(growth, {})
    if found := [row for row in rows if row["name"].startswith("midi_")]:
        yield "MIDI files in memory, 1 thread", midi_table(found)


def markdown(results):
    cpu, versions = dict(results["processor"]), results["versions"]
    flags = ", ".join(cpu.pop("flags"))
    peers = ", ".join(f"{name} {version}" for name, version in versions.items()
                      if name not in ("rondo", "compiler", "flags", "cpu_level"))
    text = f"# {cpu['Model name']}\n\n"
    text += f"{results['date']}, commit {results['commit']}. " + ("A quick run: 2 rounds. " if results["quick"] else "")
    text += f"Load average before the run: {results['load_before']:.1f}. "
    text += f"Rondo: {versions['compiler']}, `{versions['flags']}`, level {versions['cpu_level']}. "
    text += f"Compared with: {peers}.\n\n"
    text += ", ".join(f"{key} {value}" for key, value in cpu.items() if key != "Model name") + f"; {flags}.\n\n"
    text += "Times are medians of interleaved rounds.\n"
    text += "A ratio is the other library's time over Rondo's: above 1, Rondo is faster.\n"
    text += "The share is that of the fp32 peak (peak_fma), measured in the same rounds.\n"
    text += "Input features equal hidden units (C = H) unless stated. Made by bench/run.sh.\n"
    for title, body in sections(results):
        text += f"\n## {title}\n\n{body}"
    return text
