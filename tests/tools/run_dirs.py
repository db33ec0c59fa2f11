#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs `rondo` on the folders that `piano train` and `chorales` write: run_dirs.py RONDO PIANO CHORALES SCORES onnx|no-onnx

The outputs of `rondo run` are compared with the networks computed here, in double and in plain loops. Only the standard
library is used; with onnxruntime the exported ONNX files are compared as well.
"""
import array
import json
import math
import pathlib
import random
import struct
import sys
import tempfile

from programs import check, failures, read_npy, run, write_npy

rondo, piano, chorales, scores = (pathlib.Path(path).resolve() for path in sys.argv[1:5])
with_onnx = sys.argv[5] == "onnx"
BOUND = 1e-5  # float against double, over 20 steps of three layers of sums


def read_safetensors(path):
    """(float tensors by name as (shape, values), metadata)."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        tensors[name] = (entry["shape"], array.array("f", data[start + first:start + end]).tolist())
    return tensors, metadata


def matrix(tensors, name):
    (rows, columns), values = tensors[name]
    return [values[r * columns:(r + 1) * columns] for r in range(rows)]


def product(m, v):
    return [sum(a * b for a, b in zip(row, v)) for row in m]


def outputs(tensors, xs):
    """The outputs of the LSTM layers and the linear layer for the inputs xs of one sequence, flat."""
    layers = 0
    while f"lstm.weight_ih_l{layers}" in tensors:
        W, R = matrix(tensors, f"lstm.weight_ih_l{layers}"), matrix(tensors, f"lstm.weight_hh_l{layers}")
        zero = [0.0] * len(W)
        biases = [tensors.get(f"lstm.bias_{kind}_l{layers}", (0, zero))[1] for kind in ("ih", "hh")]
        H = len(R[0])
        h, c, ys = [0.0] * H, [0.0] * H, []
        for x in xs:
            z = [a + b + d + e for a, b, d, e in zip(product(W, x), product(R, h), *biases)]
            s = [1 / (1 + math.exp(-v)) for v in z]
            c = [s[H + k] * c[k] + s[k] * math.tanh(z[2 * H + k]) for k in range(H)]
            h = [s[3 * H + k] * math.tanh(c[k]) for k in range(H)]
            ys.append(h)
        xs, layers = ys, layers + 1
    check(layers > 0, "the file has LSTM layers")
    W, b = matrix(tensors, "output.weight"), tensors["output.bias"][1]
    return [a + d for x in xs for a, d in zip(product(W, x), b)]


def compare(what, got, wanted):
    largest = max(1, max(map(abs, wanted)))
    apart = max((abs(a - b) for a, b in zip(got, wanted)), default=math.inf) / largest
    check(len(got) == len(wanted) and apart < BOUND, f"{what}: {len(got)} of {len(wanted)} outputs, {apart:.1e} apart")
    check(max(map(abs, wanted)) > 0.01, f"{what}: the outputs are not zero")
    print(f"{what}: {apart:.1e} apart")


def compare_onnx(what, run_dir, x, shape, tokens, wanted):
    """shape: T x B x ..."""
    path = run_dir / "model.onnx"
    if not with_onnx:
        check("ONNX" in run(rondo, "convert", run_dir, path, status=1), "convert says that ONNX is missing")
        return
    run(rondo, "convert", run_dir, path)
    check("ONNX" in run(rondo, "inspect", path), f"{what}: inspect of the ONNX file")
    try:
        import numpy
        import onnxruntime
    except ImportError as e:
        print(f"without onnxruntime: {e}")
        return
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    y = session.run(None, {"x": numpy.array(x, dtype="int64" if tokens else "float32").reshape(shape)})[0]
    compare(f"{what}: onnxruntime", y.ravel().tolist(), wanted)


rng = random.Random(1)
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    T = 20

    # chorales: frames of 88 keys
    piece = [[60, 64, 67], [62, 65, 69], [64, 67, 71], [60, 64, 67]] * 4
    (folder / "data.json").write_text(json.dumps({"train": [piece] * 8, "valid": [piece], "test": [piece]}))
    run_dir = folder / "runs" / "chorales"
    run(chorales, "--data", folder / "data.json", "--run-dir", run_dir, "--hidden", 12, "--epochs", 2, "--threads", 1,
        "--no-chords")
    about = json.loads(run(rondo, "inspect", run_dir, "--json"))
    for key, value in {"cell": "lstm", "layers": 2, "hidden": 12, "input": 88, "output": 88, "takes_tokens": False}.items():
        check(about[key] == value, f"chorales: {key} is {about[key]}")
    tensors, _ = read_safetensors(run_dir / "model.safetensors")
    frames = [[float(rng.random() < 0.05) for _ in range(88)] for _ in range(T)]
    flat = [value for frame in frames for value in frame]
    wanted = outputs(tensors, frames)
    write_npy(folder / "x.npy", flat, f"({T}, 88)")
    for words in ((), ("--stream",)):
        run(rondo, "run", run_dir, "--input", folder / "x.npy", "--output", folder / "y.npy", *words)
        compare("chorales " + " ".join(words), read_npy(folder / "y.npy")[1], wanted)
    compare_onnx("chorales", run_dir, flat, (T, 1, 88), False, wanted)

    # piano: tokens, with several ids per step if there are conditions
    for conditions, options in ((False, ("--condition", "none")), (True, ("--condition", "active-notes,key"))):
        run_dir = folder / "runs" / ("with" if conditions else "without")
        said = run(piano, "train", "--scores", "--run-dir", run_dir, "--steps", 2, "--layers", 1, "--hidden", 12,
                   "--embedding", 8, "--batch-size", 4, "--sequence-length", 16, "--threads", 1, *options)
        tensors, metadata = read_safetensors(run_dir / "model.safetensors")
        E = matrix(tensors, "embedding.weight")
        K = int(metadata["rondo.ids_per_step"])
        V = len(E)
        check((K > 1) == conditions, f"{K} ids per step, conditions: {conditions}")
        about = json.loads(run(rondo, "inspect", run_dir, "--json"))
        check(about["input"] == K and about["takes_tokens"], f"inspect: {about['input']} ids per step, wanted {K}")
        ids = [rng.randrange(V) if k == 0 or rng.random() < 0.7 else -1 for _ in range(T) for k in range(K)]
        xs = [[sum(E[i][d] for i in ids[t * K:(t + 1) * K] if i >= 0) for d in range(len(E[0]))] for t in range(T)]
        wanted = outputs(tensors, xs)
        write_npy(folder / "x.npy", ids, f"({T}, {K})" if K > 1 else f"({T},)", "<i4")
        run(rondo, "run", run_dir, "--input", folder / "x.npy", "--output", folder / "y.npy")
        compare(f"piano, {K} ids per step", read_npy(folder / "y.npy")[1], wanted)
        compare_onnx(f"piano, {K} ids per step", run_dir, ids, (T, 1, K) if K > 1 else (T, 1), True, wanted)
        if K > 1:
            run(rondo, "convert", run_dir, folder / "again.safetensors")
            check(json.loads(run(rondo, "inspect", folder / "again.safetensors", "--json"))["input"] == K, "convert")
            run(rondo, "bench", run_dir, "--time", 3, "--batch-size", 2)
            write_npy(folder / "x.npy", ids[:T], f"({T}, 1)", "<i4")
            said = run(rondo, "run", run_dir, "--input", folder / "x.npy", "--output", folder / "y.npy", status=1)
            check("ids per step" in said, f"one id in a step: {said}")

sys.exit(1 if failures else 0)
