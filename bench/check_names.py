# SPDX-License-Identifier: MIT
"""Checks that the benchmark programs print the names and counters on which scripts and published results depend.

Usage: check_names.py BENCH_LSTM BENCH_MIDI. Runs one small shape of each kind briefly.
"""

import json
import math
import re
import subprocess
import sys

LSTM_NAMES = [
    "lstm_inference/T:100/B:1/C:256/H:256/L:1/threads:1",
    "lstm_forward_backward/T:10/B:16/C:256/H:256/L:1/threads:1",
    "lstm_step/T:1/B:1/C:1/H:8/L:1/threads:1",
    "lstm_bidirectional_inference/T:100/B:1/C:256/H:256/L:1/threads:1",
    "lstm_projection_inference/T:100/B:1/C:256/H:256/P:128/L:1/threads:1",
    "gru_inference/T:100/B:1/C:256/H:256/L:1/threads:1",
    "gru_step/T:1/B:1/C:1/H:8/L:1/threads:1",
    "lstm_peephole_inference/T:100/B:1/C:256/H:256/L:1/threads:1",
    "lstm_layer_norm_forward_backward/T:100/B:1/C:256/H:256/L:1/threads:1",
]
LSTM_COUNTERS = ["GFLOP/s", "us_per_step", "tokens/s"]
LISTED = [f"{network}_{operation}/T:100/B:32/C:512/H:512{projection}/L:3/threads:2"
          for network, projection in (("lstm_bidirectional", ""), ("lstm_projection", "/P:256"), ("gru", ""))
          for operation in ("inference", "inference_bf16", "forward_backward", "forward_backward_bf16")]
LISTED += ["training_step/T:128/B:32/C:512/H:512/L:2/threads:1", "lstm_inference/T:100/B:32/C:512/H:512/L:3/threads:2"]


def run(program, names, counters):
    """Runs only these benchmarks; returns {name: times and counters}, which must all be positive."""
    pattern = "^(" + "|".join(map(re.escape, names)) + ")$"
    out = subprocess.run([program, f"--benchmark_filter={pattern}", "--benchmark_min_time=0.01",
                          "--benchmark_format=json"], capture_output=True, check=True, text=True)
    results = {b["name"]: b for b in json.loads(out.stdout)["benchmarks"]}
    assert sorted(results) == sorted(names), f"names are {sorted(results)}, wanted {sorted(names)}"
    for name, result in results.items():
        for key in ["real_time", *counters]:
            assert math.isfinite(result[key]) and result[key] > 0, f"{name}: {key} is {result[key]}"
    return results


def exactly(got, wanted, what):
    assert math.isclose(got, wanted, rel_tol=1e-9), f"{what}: {got}, wanted {wanted}"


def check_rates(result, T, B, gflop):
    """Counters of one record are based on the same measured time, which cancels: the check is exact."""
    name, seconds = result["name"], result["us_per_step"] * 1e-6 * T  # per call
    exactly(result["tokens/s"] * seconds, B * T, f"{name}: tokens of a call")
    exactly(result["GFLOP/s"] * seconds, gflop, f"{name}: operations of a call, in 1e9")


def main():
    bench_lstm, bench_midi = sys.argv[1:]
    listed = subprocess.run([bench_lstm, "--benchmark_list_tests"], capture_output=True, check=True, text=True)
    missing = {*LSTM_NAMES, *LISTED, "peak_fma/threads:1"} - set(listed.stdout.split("\n"))
    assert not missing, f"not registered: {missing}"

    results = run(bench_lstm, LSTM_NAMES, LSTM_COUNTERS)
    inference, both, _, bidirectional, projection, gru = map(results.get, LSTM_NAMES[:6])
    check_rates(inference, 100, 1, 2e-9 * 1024 * 512 * 100)
    check_rates(both, 10, 16, 6e-9 * 1024 * 512 * 160)
    check_rates(bidirectional, 100, 1, 2 * 2e-9 * 1024 * 512 * 100)
    check_rates(projection, 100, 1, 2e-9 * (1024 * (256 + 128) + 128 * 256) * 100)
    check_rates(gru, 100, 1, 2e-9 * 768 * 512 * 100)

    run(bench_midi, ["midi_read_ticks", "midi_read_seconds", "midi_write"], ["MB/s"])


if __name__ == "__main__":
    main()
