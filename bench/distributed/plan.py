#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A model of the step time of N ranks, beside measured runs, and what it says about larger machines.

Usage: plan.py [MEASURED.json]        the file that run.py --json writes

The model. Forward takes 40 % of a step's computation, backward 55 %, the update 5 %. Backward completes the gradients of
the output layer first, then those of one recurrent layer after another, each after an equal time; those of the embedding
come with the lowest. A rank's link sends one byte after another; x bytes of gradients are 2 (N - 1) / N x bytes on it, and
take two latencies. The processor adds, packs and copies at CPU_SECONDS_PER_BYTE while the link is idle or busy. What is
not on its way when backward ends is seen. Local steps see the whole exchange once every k steps.
"""

import json
import pathlib
import sys

FORWARD, BACKWARD = 0.40, 0.55
CPU_SECONDS_PER_BYTE = 0.4e-9  # medium over memory: 15.9 MB in 5.7 ms
LOCAL_STEPS, ACCUMULATE = 16, 4
BUCKET = 1 << 20


def layers_of(config):
    """Parameters in the order in which backward completes them: (name, number)."""
    layers, hidden, embedding, vocabulary = {"small": (1, 256, 256, 388), "medium": (2, 512, 256, 388)}.get(config, config)
    parts = [("output", vocabulary * (hidden + 1))]
    for layer in reversed(range(layers)):
        inputs = embedding if layer == 0 else hidden
        parts.append((f"layer {layer}", 4 * hidden * (inputs + hidden + 1)))
    parts[-1] = (parts[-1][0], parts[-1][1] + vocabulary * embedding)
    return parts


def exchange(size, ranks, latency, rate, processor=CPU_SECONDS_PER_BYTE):
    """Seconds of an exchange of `size` bytes by itself."""
    if ranks == 1:
        return 0.0
    return 2 * latency + 2 * (ranks - 1) / ranks * size / rate + processor * size


def overlapped(config, compute, ranks, latency, rate, processor, bytes_per_value=4):
    """Seconds of a step whose gradients travel while backward goes on."""
    parts = layers_of(config)
    recurrent = len(parts) - 1
    free, ready = 0.0, FORWARD * compute
    for n, (_, count) in enumerate(parts):
        if n > 0:
            ready += BACKWARD * compute / recurrent
        size = bytes_per_value * count
        free = max(free, ready) + exchange(size, ranks, 0, rate, processor)
    end = max((FORWARD + BACKWARD) * compute, free + (2 * latency if ranks > 1 else 0))
    return end + (1 - FORWARD - BACKWARD) * compute


def modes(config, compute, ranks, latency, rate, processor=CPU_SECONDS_PER_BYTE):
    size = 4 * sum(count for _, count in layers_of(config))
    own = exchange(size, ranks, latency, rate, processor)
    step = overlapped(config, compute, ranks, latency, rate, processor)
    return {
        "exchange": own,
        "blocking": compute + own,
        "overlapped": step,
        "bf16": overlapped(config, compute, ranks, latency, rate, processor, 2),
        "local": compute + own / LOCAL_STEPS,
        "accumulate": ((ACCUMULATE - 1) * compute + step) / ACCUMULATE,
    }


def compare(path):
    """Beside measured runs over networks: ms per step, model / measured."""
    print("config  network  ranks  " + "  ".join(f"{mode:>15}" for mode in modes("small", 1, 2, 0, 1)))
    ratios = []
    for run in json.loads(path.read_text()):
        if run["network"] == "memory":
            continue
        latency, gbit = map(float, run["network"].split(":"))
        ms = run["ms_per_step"]
        model = modes(run["config"], ms["alone"] / 1e3, run["ranks"], latency / 1e3, gbit * 1e9 / 8)
        cells = []
        for mode, seconds in model.items():
            cells.append(f"{1e3 * seconds:7.1f}/{ms[mode]:7.1f}")
            if mode != "exchange":
                ratios.append(1e3 * seconds / ms[mode])
        print(f"{run['config']:7} {run['network']:8} {run['ranks']:5}  " + "  ".join(cells))
    print(f"model / measured, without the exchange by itself: {min(ratios):.2f} to {max(ratios):.2f}\n")


def efficiency(name, config, tokens, compute, latency, gbit, ranks_list, processor=CPU_SECONDS_PER_BYTE):
    print(f"{name}: {sum(c for _, c in layers_of(config)) / 1e6:.1f} million parameters, {tokens} tokens and "
          f"{1e3 * compute:.0f} ms per step of a rank, {1e6 * latency:.0f} µs, {gbit:g} Gbit/s")
    print("   N   blocking  overlapped   bf16   local steps   accumulate      tokens/s overlapped")
    for ranks in ranks_list:
        model = modes(config, compute, ranks, latency, gbit * 1e9 / 8, processor)
        share = {mode: compute / seconds for mode, seconds in model.items() if mode != "exchange"}
        print(f"{ranks:4}   {share['blocking']:8.0%}  {share['overlapped']:10.0%}   {share['bf16']:4.0%}   "
              f"{share['local']:11.0%}   {share['accumulate']:10.0%}      {ranks * tokens / model['overlapped']:12,.0f}")
    print()


def main():
    if len(sys.argv) > 1:
        compare(pathlib.Path(sys.argv[1]))
    machines = [1, 2, 4, 8, 16, 32, 64]
    # A machine of 32 cores with 25 times the speed of one: `medium` at 4600 tokens/s per core.
    efficiency("64 machines, medium", "medium", 2048, 0.445 / 25, 50e-6, 10, machines)
    efficiency("the same over a slow network", "medium", 2048, 0.445 / 25, 1e-3, 1, machines)
    gpus = [1, 8, 16, 32, 64, 128]  # the GPU itself adds: it does not count
    # Large: 4 x 2048 units, B = 64 and T = 512 a rank, 100 TFLOP/s of 6 operations per parameter and token.
    large = (4, 2048, 1024, 388)
    count = sum(c for _, c in layers_of(large))
    step = 6 * count * 64 * 512 / 100e12
    efficiency("16 x 8 GPUs, 4 x 2048, links of 400 Gbit/s", large, 64 * 512, step, 10e-6, 400, gpus, 0)
    efficiency("the same, links of 25 Gbit/s", large, 64 * 512, step, 20e-6, 25, gpus, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
