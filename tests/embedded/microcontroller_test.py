#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Headers of `rondo convert` and examples/microcontroller, for real and small models.

microcontroller_test.py host RONDO SOURCE DATA WORK CXX     compiled for this machine: against `rondo run --double`
microcontroller_test.py cortex-m7 RONDO SOURCE DATA WORK    built by examples/microcontroller/build.sh, run under QEMU

Prints the tables of docs/14-small-targets.md. Exit status 77 if a tool is missing. Only the standard library is used.
"""
import array
import json
import math
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys

where, rondo, source, data, work = sys.argv[1], *(pathlib.Path(path).resolve() for path in sys.argv[2:6])
work.mkdir(parents=True, exist_ok=True)
failures = []

# Nothing of these may be in the image: the heap, exceptions, RTTI, iostream, the unwinder.
FORBIDDEN = re.compile(r"malloc|calloc|realloc|\bfree\b|_free_r|sbrk|_Zn[wa]|_Zd[la]|__cxa_|__gxx_|_Unwind|_ZTI|_ZTV|"
                       r"_ZSt4cout|_ZSt3cin|ios_base|_ZNSo|_ZNSi|printf|terminate")


def check(condition, what):
    if not condition:
        failures.append(what)
        print("failed:", what)


def run(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def random_model(path, cell, layers, hidden, inputs=1, outputs=1):
    """A state dict of an LSTM or a GRU and a linear layer, with random weights, as JSON."""
    rng = random.Random(hidden)
    matrix = lambda rows, cols: [[rng.gauss(0, 0.5) for _ in range(cols)] for _ in range(rows)]
    gates = 3 if cell == "gru" else 4
    weights = {}
    for layer in range(layers):
        weights[f"rnn.weight_ih_l{layer}"] = matrix(gates * hidden, hidden if layer else inputs)
        weights[f"rnn.weight_hh_l{layer}"] = matrix(gates * hidden, hidden)
        for bias in ("ih", "hh"):
            weights[f"rnn.bias_{bias}_l{layer}"] = matrix(1, gates * hidden)[0]
    weights |= {"fc.weight": matrix(outputs, hidden), "fc.bias": matrix(1, outputs)[0]}
    path.write_text(json.dumps(weights))
    return path


def models():
    """Real models of audio effects where they are, and small ones."""
    audio = data / "audio-lstm"
    real = [audio / name for name in (
        "nam/boss-1x16.nam", "nam/boss-2x8.nam", "nam/lstm-1x3.nam", "guitarml/lstm8_ts9_pytorch.json",
        "guitarml/gru8_ts9_pytorch.json", "guitarml/ts9_gru7_gain10_loss003_TEST.json", "aidax/tw40_blues_deluxe.json",
        "rtneural/lstm.json", "rtneural/gru.json", "rtneural/lstm_torch.json")]
    own = [source / "examples/microcontroller/overdrive.json", random_model(work / "gru2x7.json", "gru", 2, 7),
           random_model(work / "lstm2x9.json", "lstm", 2, 9), random_model(work / "lstm5.json", "lstm", 1, 5, 6, 3)]
    return [path for path in real if path.exists()] + own


def check_on_this_machine(cxx):
    """Every model, fp32 and int8, in one program: largest and RMS error against double on a minute of audio."""
    rate, seconds = 48000, 1 if "--quick" in sys.argv else 60
    rng, low, samples = random.Random(1), 0.0, []
    for t in range(rate * seconds):  # plucked notes: decaying harmonics and a little noise, peak about 0.5
        age = t % 24000 / rate
        tone = 110 * 2 ** (t // 24000 * 5 % 24 / 12)
        low += 0.2 * (rng.random() - 0.5 - low)
        samples.append(math.exp(-4 * age) * (0.3 * math.sin(2 * math.pi * tone * age) +
                                             0.15 * math.sin(4 * math.pi * tone * age + 1)) + 0.02 * low)
    samples = array.array("f", samples)
    (work / "x.f32").write_bytes(samples.tobytes())
    for inputs in (1, 6):  # a model of six inputs takes six samples at once
        shape = f"({len(samples) // inputs}, {inputs})"
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        (work / f"x{inputs}.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
                                              header.encode() + array.array("d", samples).tobytes())

    includes, calls, cases = "", "", []
    for number, model in enumerate(models()):
        for precision in ("fp32", "int8"):
            name = f"model{number}_{precision}"
            run(rondo, "convert", model, work / f"{name}.hpp", "--precision", precision)
            includes += f'#include "{name}.hpp"\n'
            calls += f'  ok = run<{name}::Model>("{name}", {name}::kSelfTest, x) && ok;\n'
            cases.append((model, precision, name))
    (work / "all.cpp").write_text(includes + '#include "run_models.hpp"\n\nint main() {\n  bool ok = true;\n'
                                  '  const auto x = read("x.f32");\n' + calls + "  return ok ? 0 : 1;\n}\n")
    run(cxx, "-std=c++20", "-O2", "-fno-rtti", "-Wall", "-Wextra", "-Werror", f"-I{source}/include",
        f"-I{source}/tests/embedded", work / "all.cpp", "-o", work / "all")
    print(subprocess.run([work / "all"], cwd=work, capture_output=True, text=True, check=True).stdout, end="")

    print("| model | weights | largest error | RMS error, dB of the output |\n|---|---|---|---|")
    for model, precision, name in cases:
        inputs = json.loads(run(rondo, "inspect", model, "--json"))["input"]
        run(rondo, "run", model, "--input", work / f"x{inputs}.npy", "--output", work / "y.npy", "--double")
        raw = (work / "y.npy").read_bytes()
        wanted = array.array("d", raw[10 + struct.unpack("<H", raw[8:10])[0]:])
        got = array.array("f", (work / f"{name}.f32").read_bytes())
        check(len(got) == len(wanted) > 0, f"{name} has {len(got)} outputs, wanted {len(wanted)}")
        largest = max(abs(a - b) for a, b in zip(got, wanted))
        power = sum(b * b for b in wanted)
        db = 10 * math.log10((sum((a - b) ** 2 for a, b in zip(got, wanted)) + 1e-300) / power)
        print(f"| {model.name} | {precision} | {largest:.1e} | {db:.0f} |")
        check(power > 0 and db < (-90 if precision == "fp32" else -20), f"{model.name}, {precision}: {db:.1f} dB")


def check_on_cortex_m7():
    """Three models under QEMU: self-test, symbols, sizes, instructions."""
    for tool in ("arm-none-eabi-g++", "qemu-system-arm", "bash"):
        if not shutil.which(tool):
            print(f"{tool} is not installed (Debian: gcc-arm-none-eabi qemu-system-arm)")
            sys.exit(77)
    all_models = {path.name: path for path in models()}
    run(rondo, "convert", all_models["overdrive.json"], work / "weights.hpp", "--precision", "int8")
    for core in ("-mcpu=cortex-m0plus", "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16", "-mcpu=cortex-m33 -mfpu=fpv5-sp-d16"):
        run("arm-none-eabi-g++", *core.split(), "-mthumb", "-mfloat-abi=" + ("hard" if "fpu" in core else "soft"),
            "-std=c++20", "-O2", "-ffreestanding", "-nostdinc++", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra",
            "-Werror", f"-I{source}/include", f"-I{work}", "-c", source / "examples/microcontroller/main.cpp", "-o",
            work / "other.o")
    chosen = [name for name in ("boss-1x16.nam", "tw40_blues_deluxe.json", "gru8_ts9_pytorch.json") if name in all_models]
    if len(chosen) < 3:
        chosen = ["overdrive.json", "gru2x7.json", "lstm2x9.json"]
    if "--all" in sys.argv:
        chosen = list(all_models)
    print("| model | weights | bytes of weights | code | self-test | flash | RAM | stack, at most | instructions per step |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for name in chosen:
        for precision in ("fp32", "int8"):
            folder = work / f"{name}-{precision}"
            folder.mkdir(exist_ok=True)
            run(rondo, "convert", all_models[name], folder / "weights.hpp", "--precision", precision)
            out = run("bash", source / "examples/microcontroller/build.sh", folder)
            check("self-test PASS" in out, f"{name}, {precision}: {out}")
            symbols = run("arm-none-eabi-nm", "-S", folder / "firmware.elf")
            linker_map = (folder / "firmware.map").read_text()
            discarded = linker_map[linker_map.index("Discarded input sections"):linker_map.index("Memory Configuration")]
            linked = linker_map.replace(discarded, "")
            check("kWeights" in symbols and "reset_handler" in linked, "symbols and linker map were read")
            for line in (symbols + linked).splitlines():
                check(not FORBIDDEN.search(line), f"{name}, {precision}: the image has {line.strip()}")
            sections = {section: int(size) for section, size in re.findall(r"^\.(\w+) +(\d+)", out, re.M)}
            constants = lambda name: sum(int(size, 16) for size in re.findall(rf"^\w+ (\w+) \w \S*{name}", symbols, re.M))
            weights, test = constants("k(?:Weights|InitialState)"), constants("kSelfTest")
            stack = sum(int(line.split("\t")[1]) for path in folder.glob("*.su") for line in path.read_text().splitlines())
            flash = sum(size for section, size in sections.items() if section != "bss")
            ticks = int(re.search(r"ticks of 1000 steps: (\d+)", out)[1])
            check(flash - weights - test < 6000, f"{name}, {precision}: {flash - weights - test} bytes of code")
            check(0 < ticks * 40 / 1000 < 2 * weights + 500 or precision == "int8", f"{name}: {ticks} ticks")
            print(f"| {name} | {precision} | {weights} | {flash - weights - test} | {test} | {flash} | "
                  f"{sections['data'] + sections['bss']} | {stack} | {ticks * 40 / 1000:.0f} |")


check_on_this_machine(sys.argv[6]) if where == "host" else check_on_cortex_m7()
sys.exit(1 if failures else 0)
