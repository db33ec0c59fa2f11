#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Repeats a training run of Rondo in PyTorch, with the same initial weights and batches, and compares the losses.

Usage: training_curve.py PROGRAM PATH... [--steps 100] [--out FOLDER]
  PROGRAM   the built tests/golden/training_curve.cpp
  PATH      MIDI files, or folders of them, to train on; Maestro_8 and Maestro_9 are skipped in folders

Two runs: one with the program's settings and Rondo's initial weights, which torch loads by name; and a short one with
torch's initial weights, with both biases in use, which Rondo loads, and with a clipping norm that most steps exceed.
Exit status: 0 the curves agree, 1 they do not, 77 torch or the files are absent.

Criterion: both programs compute in float and differ by rounding, a relative 2^-24 per operation, which training
propagates and amplifies: no a-priori bound would be useful for a hundred steps. The reference is PyTorch in double,
which is exact compared to float. Rondo may deviate from it as far as PyTorch in float does, times SLACK, since the
rounding errors of two computations are similar but not equal; a float loss also has one rounding of its own.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

HELD_OUT = {"Maestro_8", "Maestro_9"}
SLACK = 4
ROUNDING = 2.0**-24
FORMATS = {"F32": "float32", "F64": "float64", "I32": "int32", "U8": "uint8"}


def read_safetensors(path, torch):
    """(tensors, metadata). Eight bytes of length, a JSON header, then the data."""
    data = bytearray(path.read_bytes())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header, tensors = json.loads(data[8:start]), {}
    metadata = header.pop("__metadata__", {})
    for name, entry in header.items():
        first, last = (start + offset for offset in entry["data_offsets"])
        values = torch.frombuffer(data[first:last], dtype=getattr(torch, FORMATS[entry["dtype"]]))
        tensors[name] = values.reshape(entry["shape"])
    return tensors, metadata


def write_safetensors(path, tensors):
    """Writes float tensors."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def model(torch, embedding, hidden, vocabulary):
    """Rondo's TokenModel with Rondo's names. torch.nn.LSTM uses only the sum of its two biases; the second one is
    frozen, since two trainable biases would change twice as fast as one."""
    made = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(vocabulary, embedding),
                                "lstm": torch.nn.LSTM(embedding, hidden),
                                "output": torch.nn.Linear(hidden, vocabulary)})
    made["lstm"].bias_hh_l0.requires_grad_(False)
    return made


def train(torch, weights, steps, config, dtype):
    """The losses of all steps, and the number of clipped steps."""
    vocabulary, embedding = weights["embedding.weight"].shape
    hidden = weights["lstm.weight_hh_l0"].shape[1]
    net = model(torch, embedding, hidden, vocabulary).to(dtype)
    net.load_state_dict(weights)
    parameters = [p for p in net.parameters() if p.requires_grad]
    adam = torch.optim.Adam(parameters, betas=(0.9, config["beta2"]), eps=1e-8)
    batch = steps["inputs"].shape[2]
    state = tuple(torch.zeros(1, batch, hidden, dtype=dtype) for _ in "hc")
    losses, clipped = [], 0
    for inputs, targets, resets, rate in zip(steps["inputs"], steps["targets"], steps["resets"], steps["learning_rates"]):
        state = tuple(s.detach() * (1 - resets.to(dtype))[None, :, None] for s in state)
        y, state = net["lstm"](net["embedding"](inputs.long()), state)
        logits = net["output"](y)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.long().flatten(), ignore_index=-1)
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        for p in parameters:  # clip_grad_norm_ divides by norm + 1e-6, a difference of 17 roundings
            p.grad *= min(1.0, config["clip"] / norm)
        clipped += norm.item() > config["clip"]
        adam.param_groups[0]["lr"] = rate.item()
        adam.step()
        losses.append(loss.item())
    return losses, clipped


def compare(what, ours, single, double):
    """Prints the curves; returns whether `ours` is within the tolerance of `double`."""
    print(f"{what}\n{'step':>5} {'Rondo':>10} {'torch float':>12} {'torch double':>13} {'Rondo-double':>13} "
          f"{'float-double':>13} {'Rondo-float':>12} {'allowed':>9}")
    agreed, spread, worst, apart = True, 0.0, 0.0, 0.0
    for n, (a, b, c) in enumerate(zip(ours, single, double)):
        spread = max(spread, abs(b - c))
        worst, apart = max(worst, abs(a - c)), max(apart, abs(a - b))
        allowed = SLACK * spread + ROUNDING * c
        ok = abs(a - c) <= allowed
        agreed &= ok
        if n < 5 or (n + 1) % 10 == 0 or not ok:
            print(f"{n + 1:5} {a:10.6f} {b:12.6f} {c:13.6f} {a - c:13.2e} {b - c:13.2e} {a - b:12.2e} {allowed:9.2e}"
                  f"{'' if ok else '  OUT OF TOLERANCE'}")
    print(f"largest deviation: Rondo from torch float {apart:.2e}, Rondo from torch double {worst:.2e}, "
          f"torch float from torch double {spread:.2e}: {'agreed' if agreed else 'NOT AGREED'}\n")
    return agreed


def repeat(torch, what, arguments, steps, clip, weights, pieces, folder):
    """One run of Rondo and its two repetitions. `weights`: file of the initial weights; None: Rondo's."""
    subprocess.run([arguments.program, folder, str(steps), str(clip), weights or "fresh", *pieces], check=True)
    recorded, metadata = read_safetensors(folder / "steps.safetensors", torch)
    begun, _ = read_safetensors(weights or folder / "weights.safetensors", torch)
    config = json.loads(metadata["config"])
    single, _ = train(torch, begun, recorded, config, torch.float32)
    double, clipped = train(torch, begun, recorded, config, torch.float64)
    agreed = compare(f"{what}, clip {clip}: {clipped} of {steps} steps clipped", recorded["losses"].tolist(), single, double)
    return agreed and double[-1] < double[0] - 0.5  # not vacuous: the runs must learn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    pieces = [str(f) for p in arguments.paths for f in (sorted(p.glob("*.mid")) if p.is_dir() else [p])
              if f.is_file() and f.stem not in HELD_OUT]
    try:
        import torch
    except ImportError:
        print("skipped: this Python has no torch")
        return 77
    if not pieces:
        print(f"skipped: no MIDI files in {', '.join(map(str, arguments.paths))}")
        return 77
    torch.set_num_threads(1)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or pathlib.Path(temporary)
        (out / "from-torch").mkdir(parents=True, exist_ok=True)
        drawn = out / "from-torch" / "drawn.safetensors"
        write_safetensors(drawn, model(torch, 256, 256, 388).state_dict())
        there = repeat(torch, "From Rondo's weights", arguments, arguments.steps, 1.0, None, pieces, out / "from-rondo")
        back = repeat(torch, "From torch's weights", arguments, 20, 0.25, drawn, pieces, out / "from-torch")
    return 0 if there and back else 1


if __name__ == "__main__":
    sys.exit(main())
