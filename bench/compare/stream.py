# SPDX-License-Identifier: MIT
"""Streams of Rondo beside those of RTNeural and NeuralAudio, whose sources are given by a path: prints a table of
nanoseconds per step and of ratios (the time of the better of them divided by Rondo's).

The other libraries are compiled for this machine (-O3 -march=native; --march for another one). All programs take turns
in rounds; each number is the median of its rounds, or the least (--least), which other work on the machine changes less
(the same for all of them). RONDO_CPU_LEVEL selects the level of Rondo.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench-stream", type=pathlib.Path, required=True, help="the program bench_stream")
    parser.add_argument("--rtneural", type=pathlib.Path, help="folder of RTNeural's sources")
    parser.add_argument("--neuralaudio", type=pathlib.Path, help="folder of NeuralAudio's sources")
    parser.add_argument("--eigen", type=pathlib.Path, help="include folder of Eigen for both; default: that of RTNeural")
    parser.add_argument("--march", default="native", help="-march= of the other libraries; default: native")
    parser.add_argument("--cxx", default="g++", help="compiler of the other libraries")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least", action="store_true", help="the least of the rounds instead of their median")
    parser.add_argument("--seconds", type=float, default=0.05, help="of each measurement")
    parser.add_argument("--hidden", type=int, nargs="*", default=[8, 12, 16, 20, 24, 32, 40, 64, 80])
    parser.add_argument("--layers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--json", type=pathlib.Path, help="also write all measurements to this file")
    return parser.parse_args()


def compile_peer(options, name, folder, work):
    """The program of a library."""
    eigen = options.eigen or (options.rtneural and options.rtneural / "modules/Eigen") or folder / "deps/RTNeural/modules/Eigen"
    includes = [eigen, folder]
    if name == "neuralaudio":
        maths = folder / "deps/math_approx/include"
        if not maths.exists():  # included but not used by its LSTM
            maths = work / "stub"
            (maths / "math_approx").mkdir(parents=True, exist_ok=True)
            (maths / "math_approx/math_approx.hpp").touch()
        includes += [folder / "NeuralAudio", maths]
    program = work / name
    subprocess.run([options.cxx, "-std=c++20", "-O3", "-DNDEBUG", f"-march={options.march}", "-w",
                    f"-DPEER_{name.upper()}", "-DRTNEURAL_USE_EIGEN=1", "-DEIGEN_STACK_ALLOCATION_LIMIT=0",
                    "-DRTNEURAL_DEFAULT_ALIGNMENT=32",
                    *[f"-I{path}" for path in includes], str(FOLDER / "stream_peer.cpp"), "-o", str(program),
                    "-lbenchmark", "-lpthread"], check=True)
    return program


def run(program, pattern, seconds):
    """{name: nanoseconds per step}"""
    out = subprocess.run([program, f"--benchmark_filter={pattern}", f"--benchmark_min_time={seconds}",
                          "--benchmark_format=json"], check=True, capture_output=True, text=True).stdout
    return {b["name"]: b["s_per_step"] * 1e9 for b in json.loads(out)["benchmarks"]}


def measure(options, programs):
    """{name: nanoseconds per step of all rounds}"""
    times = {}
    for _ in range(options.rounds):
        for layers in options.layers:
            for hidden in options.hidden:
                case = f"/H:{hidden}/L:{layers}/block:(1|64|256)"
                for program, pattern in programs:
                    for name, ns in run(program, f"{pattern}{case}(/math:.*/voices:1)?$", options.seconds).items():
                        times.setdefault(name, []).append(ns)
    of_rounds = min if options.least else statistics.median
    return {name: of_rounds(all_rounds) for name, all_rounds in times.items()}


def table(options, times, peers):
    for layers in options.layers:
        print(f"\n{layers} layer{'s' if layers > 1 else ''}, ns per step\n")
        titles = [*peers, "exact", "ratio", "fast", "ratio"]
        print(f"| H | block | {' | '.join(titles)} |")
        print("|---" * (len(titles) + 2) + "|")
        for block in (1, 64, 256):
            for hidden in options.hidden:
                case = f"/H:{hidden}/L:{layers}/block:{block}"
                of_peers = [times[f"stream_{peer}{case}"] for peer in peers]
                cells = [f"{ns:.1f}" for ns in of_peers]
                for maths in ("exact", "fast"):
                    ours = times[f"stream_rondo{case}/math:{maths}/voices:1"]
                    cells += [f"{ours:.1f}", f"{min(of_peers) / ours:.2f}" if peers else "-"]
                print(f"| {hidden} | {block if block > 1 else 'step'} | {' | '.join(cells)} |")


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        programs, peers = [(options.bench_stream.resolve(), "stream_rondo")], []
        for name, sources in (("neuralaudio", options.neuralaudio), ("rtneural", options.rtneural)):
            if sources:
                if not sources.is_dir():
                    sys.exit(f"stream.py: no folder {sources}")
                programs.append((compile_peer(options, name, sources.resolve(), pathlib.Path(folder)), f"stream_{name}"))
                peers.append(name)
        load = os.getloadavg()[0]
        if load > 0.5:
            print(f"Other processes are running (load {load:.1f}): results are unreliable")
        times = measure(options, programs)
    table(options, times, peers)
    if options.json:
        options.json.write_text(json.dumps(times, indent=1) + "\n")


if __name__ == "__main__":
    main()
