#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the programs rondo and realtime on small model files: tool_test.py RONDO REALTIME wav|no-wav

Numbers are compared with an LSTM of one unit computed here. Only the standard library is used.
"""
import json
import math
import pathlib
import struct
import sys
import tempfile

from programs import check, failures, read_npy, run, write_npy

rondo, realtime = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
with_wav = sys.argv[3] == "wav"

W, R, B, B2, LIN, BIAS = [0.5, -0.25, 1.0, 0.75], [0.1, 0.2, -0.3, 0.4], [0.0, 1.0, 0.1, -0.1], [0.1, 0, 0, 0], 2.0, 0.25
GUITARML = {"model_data": {"model": "SimpleRNN", "input_size": 1, "skip": 1, "output_size": 1, "unit_type": "LSTM",
                           "num_layers": 1, "hidden_size": 1, "bias_fl": True},
            "state_dict": {"rec.weight_ih_l0": [[w] for w in W], "rec.weight_hh_l0": [[r] for r in R],
                           "rec.bias_ih_l0": B, "rec.bias_hh_l0": B2, "lin.weight": [[LIN]], "lin.bias": [BIAS]}}


def expected(samples):
    h = c = 0.0
    logistic = lambda z: 1 / (1 + math.exp(-z))
    for x in samples:
        i, f, g, o = (W[n] * x + R[n] * h + B[n] + B2[n] for n in range(4))
        c = logistic(f) * c + logistic(i) * math.tanh(g)
        h = logistic(o) * math.tanh(c)
        yield LIN * h + BIAS + x


def write_wav(path, samples, rate=48000):
    data = struct.pack(f"<{len(samples)}f", *samples)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
                     struct.pack("<IHHIIHH", 16, 3, 1, rate, rate * 4, 4, 32) + b"data" +
                     struct.pack("<I", len(data)) + data)


def read_wav(path):
    data = path.read_bytes()
    at = data.index(b"data")
    size = struct.unpack("<I", data[at + 4:at + 8])[0]
    return list(struct.unpack(f"<{size // 4}f", data[at + 8:at + 8 + size]))


def close(values, wanted, bound=1e-6):
    values, wanted = list(values), list(wanted)
    return len(values) == len(wanted) and all(abs(a - b) < bound for a, b in zip(values, wanted))


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    model = folder / "model"  # without an ending: the content decides
    model.write_text(json.dumps(GUITARML))
    samples = [0.5 * math.sin(0.3 * n) for n in range(200)]
    wanted = list(expected(samples))

    about = json.loads(run(rondo, "inspect", model, "--json"))
    for key, value in {"format": "GuitarML JSON", "cell": "lstm", "layers": 1, "directions": 1, "hidden": 1,
                       "projection": 0, "input": 1, "output": 1, "parameters": 18, "streams": True}.items():
        check(about[key] == value, f"inspect: {key} is {about[key]}")
    check("adds the input" in run(rondo, "inspect", model), "inspect names the skip connection")

    x, y = folder / "x.npy", folder / "y.npy"
    for shape in ("(200,)", "(200, 1)"):
        write_npy(x, samples, shape)
        for words in ((), ("--stream",), ("--double",)):
            report = json.loads(run(rondo, "run", model, "--input", x, "--output", y, "--json", *words))
            header, values = read_npy(y)
            check("(200,1,)" in header and close(values, wanted), f"run {shape} {words}: {header}")
            check(report["seconds"] > 0 and report["format"] == "GuitarML JSON", "run --json")
    run(rondo, "run", model, "--input", x, "--output", y, "--stream")
    plain = read_npy(y)[1]
    for words, bound in ((("--math", "fast"), 2e-3), (("--precision", "bf16"), 2e-2),
                         (("--precision", "int8", "--math", "exact"), 1e-4)):  # one weight in a row is exact in int8
        run(rondo, "run", model, "--input", x, "--output", y, "--stream", *words)
        values = read_npy(y)[1]
        check(close(values, wanted, bound) and values != plain, f"run --stream {words}")
        run(rondo, "run", model, "--input", x, "--output", y, *words, status=2)  # only for a stream
    check("weights of bf16 and int8 are for float" in
          run(rondo, "run", model, "--input", x, "--output", y, "--stream", "--double", "--precision", "int8", status=1),
          "a stream of double has no int8")
    run(rondo, "run", model, "--input", x, "--output", y, "--stream", "--precision", "fp16", status=2)
    write_npy(x, samples + samples[:100] * 2, "(2, 200, 1)", "<f8")
    run(rondo, "run", model, "--input", x, "--output", y)
    header, values = read_npy(y)
    check("<f8" in header and "(2,200,1,)" in header and close(values[:200], wanted, 1e-12), "a batch of float64")
    check(close(values[200:300], wanted[:100], 1e-12), "the second sequence of the batch")

    for ending, words in ((".safetensors", "PyTorch"), (".json", "Keras")):
        again = folder / f"again{ending}"
        run(rondo, "convert", model, again)
        check(words in run(rondo, "inspect", again), f"convert to {ending}")
        write_npy(x, samples, "(200, 1)")
        run(rondo, "run", again, "--input", x, "--output", y)
        check(close(read_npy(y)[1], wanted), f"the converted model {ending} gives the same numbers")
    # Headers for microcontrollers; tests/embedded compiles some. The skip connection adds the input, y0.
    for name, namespace, words, text in (("two  words-1.hpp", "two_words_1", (), "StaticLstmWeights<1, 1, 1> "),
                                         ("8bit.h", "model_8bit", ("--precision", "int8"), "<1, 1, 1, int8_t> ")):
        said = run(rondo, "convert", model, folder / name, *words)
        header = (folder / name).read_text()
        for part in (f"namespace {namespace} {{", "class Model", "kSelfTest =\n  {.x = ", "step(y2, y0)", text,
                     "{0.5f, -0.25f, 1.0f, 0.75f}"):
            check(part in header, f"{name} has {part!r}")
        check("18 parameters" in said and ("RMS" in said) == ("int8" in words), f"convert to a header says {said}")
    run(rondo, "convert", model, folder / "x.hpp", "--precision", "int4", status=2)
    check("--precision" in run(rondo, "convert", model, folder / "x.json", "--precision", "int8", status=1),
          "other files have no precision")
    both = {f"rnn.{key}_l0{way}": value for way in ("", "_reverse") for key, value in
            (("weight_ih", [[0.5]] * 4), ("weight_hh", [[0.25]] * 4), ("bias_ih", B), ("bias_hh", B2))}
    for refused, weights, words in (("second direction", both, ()),
                                    ("projection", {"r.weight_ih_l0": [[1]] * 8, "r.weight_hh_l0": [[1]] * 8,
                                                    "r.bias_ih_l0": B * 2, "r.bias_hh_l0": B * 2,
                                                    "r.weight_hr_l0": [[1, 2]]}, ()),
                                    ("not finite", {"r.weight_ih_l0": [[1e39]] * 4, "r.weight_hh_l0": [[1]] * 4,
                                                    "r.bias_ih_l0": B, "r.bias_hh_l0": B2}, ()),
                                    ("512 columns", {"r.weight_ih_l0": [[0] * 513] * 4, "r.weight_hh_l0": [[1]] * 4,
                                                     "r.bias_ih_l0": B, "r.bias_hh_l0": B2}, ("--precision", "int8"))):
        (folder / "refused").write_text(json.dumps(weights))
        check(refused in run(rondo, "convert", folder / "refused", folder / "none.hpp", *words, status=1), refused)
        check(not (folder / "none.hpp").exists(), f"{refused}: no file is written")

    bench = json.loads(run(rondo, "bench", model, "--json", "--steps", 1000, "--time", 10, "--math", "fast", "--precision",
                           "int8"))
    check((bench["stream"]["math"], bench["stream"]["precision"]) == ("fast", "int8"), "bench: options of the stream")
    check(bench["stream"]["worst_us"] >= bench["stream"]["median_us"] > 0 and bench["batch"]["us_per_step"] > 0, "bench")

    if with_wav:
        sound, effect, block = folder / "in.wav", folder / "out.wav", folder / "block.wav"
        write_wav(sound, samples)
        run(rondo, "run", model, "--input", sound, "--output", effect)
        check(close(read_wav(effect), wanted), "a sound file through `rondo run`")
        for size in (1, 7, 64, 1000):
            run(realtime, model, sound, block, size)
            check(close(read_wav(block), wanted), f"realtime in blocks of {size}")
        run(realtime, model, folder / "none.wav", block, status=1)

    tested = dict(json.loads((folder / "again.json").read_text()))
    for change, status in ((0, 0), (0.01, 1)):
        tested["input_batch"], tested["output_batch"] = [samples[1]], [list(expected(samples[1:2]))[0] - samples[1] + change]
        (folder / "tested.json").write_text(json.dumps(tested))
        run(rondo, "run", folder / "tested.json", "--input", x, "--output", y, status=status)
        check(("FAILED" in run(rondo, "inspect", folder / "tested.json")) == bool(change), "inspect shows the self-test")

    run(rondo, status=2)
    run(rondo, "run", model, status=2)
    run(realtime, model, status=2)
    run(rondo, "bench", model, "--steps", 0, status=2)
    check("none" in run(rondo, "inspect", folder / "none", status=1), "a missing file is named")
    (folder / "wave").write_text('{"architecture": "WaveNet", "config": {}, "weights": []}')
    check("WaveNet" in run(rondo, "inspect", folder / "wave", status=1), "an unknown architecture is named")
    write_npy(x, [1, 2, 3, 4], "(2, 2)")
    check("features" in run(rondo, "run", model, "--input", x, "--output", y, status=1), "a wrong number of features")
    for damage in (b"", b"\x93NUMPY\x01\x00\xff\xff", x.read_bytes()[:-1], x.read_bytes() + b"1"):
        (folder / "bad.npy").write_bytes(damage)
        run(rondo, "run", model, "--input", folder / "bad.npy", "--output", y, status=1)
    run(rondo, "convert", model, folder / "model.txt", status=1)

sys.exit(1 if failures else 0)
