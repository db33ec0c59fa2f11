#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generates random recurrent networks and compares outputs, final states and every gradient with PyTorch's.

Usage: compare_recurrent.py PROGRAM [--seed 1] [--count 40] [--only K]
  PROGRAM   the built tests/torch/recurrent_tool.cpp
  --only K  only configuration K of this seed, as printed by a failure

Exit status: 0 all agree, 1 they differ, 77 this Python has no torch. RONDO_CPU_LEVEL (cpu/level.hpp) selects kernels.

nn.LSTM and nn.GRU in double are the reference. Weights, inputs and states are drawn in float, so that both types start
with the same values. A matrix is uniform in +-1/sqrt(n), where n is the larger of its columns and the hidden units:
PyTorch uses the hidden units only, and gates of a few units that sum hundreds of inputs would saturate. For comparison
with Rondo's worst deviations those of PyTorch in float are printed for the same configurations: the error of float
itself. Where Rondo has one bias, PyTorch has two, of which only the sum is used; their gradients are equal, and each is
compared with that of Rondo's bias.

A deviation is relative to the tensor's largest value, or absolute if that is below 1. Bounds: the n products of a gate
are about 1/sqrt(n) each, so that their sum has an error of a few roundings of 2^-24 for any n; gates damp the errors of
earlier steps and other layers. A dozen roundings are 1e-6, for an output. A gradient goes through all steps and layers
twice, and a weight's is a sum over B T of those: ten times as much. In double, with 2^-53 in place of 2^-24, the bound
has a margin: a wrong term causes 1e-3.
"""

import argparse
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings

BOUNDS = {("float", "outputs"): 1e-6, ("float", "gradients"): 1e-5,
          ("double", "outputs"): 1e-11, ("double", "gradients"): 1e-11}
LARGEST_WORK = 1e8  # products of a forward pass: limits the run to seconds
OUTPUTS = ("y", "h", "c")  # the rest are gradients


def read_safetensors(path, torch):
    """Eight bytes of length, a JSON header, then the data."""
    data = bytearray(path.read_bytes())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)  # strings, not a tensor
    for name, entry in header.items():
        first, last = (start + offset for offset in entry["data_offsets"])
        dtype = {"F32": torch.float32, "F64": torch.float64}[entry["dtype"]]
        tensors[name] = torch.frombuffer(data[first:last], dtype=dtype).reshape(entry["shape"]).double()
    return tensors


def write_safetensors(path, tensors, metadata):
    """Writes double tensors."""
    header, data, offset = {"__metadata__": {key: str(value) for key, value in metadata.items()}}, [], 0
    for name, tensor in tensors.items():
        data.append(tensor.detach().contiguous().numpy().tobytes())
        end = offset + len(data[-1])
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    path.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *data]))


def draw(rng):
    """A configuration, mostly small: sizes 1 to 300."""
    def size():
        return rng.randint(*rng.choices([(1, 9), (10, 70), (71, 300)], weights=[7, 2, 1])[0])

    while True:
        cell = rng.choice(["lstm", "gru"])
        a = dict(cell=cell, input=size(), hidden=size(), layers=rng.choice([1, 1, 2, 2, 3, 4]),
                 bidirectional=rng.randint(0, 1), bias=int(rng.random() < 0.75), batch=size(), time=size(),
                 ragged=rng.randint(0, 1), threads=rng.randint(1, 2), projection=0)
        if cell == "lstm" and a["hidden"] > 1 and rng.random() < 0.4:
            a["projection"] = min(size(), a["hidden"] - 1)
        directions = 1 + a["bidirectional"]
        outputs = a["projection"] or a["hidden"]
        inputs = a["input"] + (a["layers"] - 1) * directions * outputs + a["layers"] * outputs
        gates = 4 if cell == "lstm" else 3
        products = a["hidden"] * (gates * inputs + a["layers"] * a["projection"])
        if a["batch"] * a["time"] * products * directions <= LARGEST_WORK:
            if a["ragged"]:
                a["lengths"] = [rng.randint(1, a["time"]) for _ in range(a["batch"])]
            return a


def describe(a):
    return ", ".join(f"{key} {value}" for key, value in a.items() if key != "lengths")


def make_data(a, torch):
    """(module in double, data), with values that are exact in float."""
    directions, outputs = 1 + a["bidirectional"], a["projection"] or a["hidden"]
    options = dict(num_layers=a["layers"], bidirectional=bool(a["bidirectional"]), bias=bool(a["bias"]))
    if a["projection"]:
        options["proj_size"] = a["projection"]
    module = (torch.nn.LSTM if a["cell"] == "lstm" else torch.nn.GRU)(a["input"], a["hidden"], **options).float()
    for parameter in module.parameters():
        if parameter.dim() == 2:
            torch.nn.init.uniform_(parameter, -1, 1).data /= max(a["hidden"], parameter.shape[1]) ** 0.5
    T, B, D, S = a["time"], a["batch"], directions, a["layers"] * directions
    data = dict(x=torch.randn(T, B, a["input"]), dy=torch.randn(T, B, D * outputs),
                h0=2 * torch.rand(S, B, outputs) - 1, dh=torch.randn(S, B, outputs))
    if a["cell"] == "lstm":
        data |= dict(c0=torch.randn(S, B, a["hidden"]), dc=torch.randn(S, B, a["hidden"]))
    return module.double(), {name: tensor.double() for name, tensor in data.items()}


def by_torch(a, module, data, torch):
    """{name: tensor} under the names of recurrent_tool.cpp, in the module's own type."""
    dtype = next(module.parameters()).dtype
    data = {name: tensor.to(dtype).clone() for name, tensor in data.items()}
    states = [name for name in ("h0", "c0") if name in data]
    for name in ["x", *states]:
        data[name].requires_grad_()
    state = tuple(data[name] for name in states)
    x = data["x"]
    if a["ragged"]:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(a["lengths"]), enforce_sorted=False)
    y, end = module(x, state if len(state) > 1 else state[0])
    if a["ragged"]:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=a["time"])
    end = end if len(state) > 1 else (end,)
    loss = (y * data["dy"]).sum() + sum((s * data[d]).sum() for s, d in zip(end, ("dh", "dc")))
    module.zero_grad(set_to_none=True)
    loss.backward()
    got = {"y": y, "dx": data["x"].grad, **dict(zip("hc", end))}
    got |= {"d" + name: data[name].grad for name in states}
    got |= {"grad." + name: parameter.grad for name, parameter in module.named_parameters()}
    return {name: tensor.detach().double().clone() for name, tensor in got.items()}


class Program:
    """A recurrent_tool process."""

    def __init__(self, path, folder):
        self.process = subprocess.Popen([path], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.input, self.output = folder / "in.safetensors", folder / "out.safetensors"

    def run(self, scalar, torch):
        """(tensors, path that computed them) for the data in self.input."""
        self.process.stdin.write(f"{self.input} {self.output} {scalar}\n")
        self.process.stdin.flush()
        path = self.process.stdout.readline().strip()
        if not path:
            sys.exit(f"recurrent_tool: exit status {self.process.wait()}")
        return read_safetensors(self.output, torch), path


def deviation(wanted, got):
    """The largest difference, relative to the largest value or 1. NaN if any value is NaN."""
    assert wanted.shape == got.shape, f"{tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    return ((wanted - got).abs().max() / max(1.0, wanted.abs().max())).item()


def kind(name):
    return "outputs" if name.rpartition(".")[2] in OUTPUTS else "gradients"


def wanted_of(name, wanted):
    """PyTorch's tensors for one of Rondo's names, a list: both gradients for a bias that is the sum of two."""
    name = name.removeprefix("inference.").removeprefix("step.")
    second = name.replace("bias_ih_l", "bias_hh_l")
    return [wanted[name]] + ([wanted[second]] if second != name else [])


def expected_names(a, wanted):
    """All names that Rondo must write."""
    names = {name for name in wanted if not ("bias_hh" in name and a["cell"] == "lstm")}
    names |= {"inference." + name for name in OUTPUTS if name in wanted}
    if not a["bidirectional"] and not a["ragged"]:
        names |= {"step." + name for name in OUTPUTS if name in wanted}
    return names


def compare(a, program, torch, worst):
    """Lines that describe differences out of tolerance. `worst` collects the largest deviation of each kind."""
    module, data = make_data(a, torch)
    tensors = {"data." + name: tensor for name, tensor in data.items()}
    if a["ragged"]:
        tensors["data.lengths"] = torch.tensor(a["lengths"], dtype=torch.float64)
    weights = dict(module.named_parameters())
    write_safetensors(program.input, {**weights, **tensors}, {k: v for k, v in a.items() if k != "lengths"})
    wanted = by_torch(a, module, data, torch)
    problems = []
    for scalar in ("float", "double"):
        got, path = program.run(scalar, torch)
        if set(got) != expected_names(a, wanted):
            problems.append(f"{scalar}: tensors {sorted(set(got) ^ expected_names(a, wanted))} are on one side only")
            continue
        for name, tensor in got.items():
            for theirs in wanted_of(name, wanted) if a["cell"] == "lstm" else wanted_of(name, wanted)[:1]:
                apart, bound = deviation(theirs, tensor), BOUNDS[scalar, kind(name)]
                note(worst, f"Rondo, {scalar}, {path}", kind(name), apart, name, a)
                if not apart <= bound:
                    problems.append(f"{scalar}, {path}: {name} is {apart:.2g} apart, allowed {bound:.0e}")
    for name, tensor in by_torch(a, module.float(), data, torch).items():
        note(worst, "PyTorch, float", kind(name), deviation(wanted[name], tensor), name, a)
    return problems


def note(worst, side, what, apart, name, a):
    key = (side, what)
    if key not in worst or not apart <= worst[key][0]:
        worst[key] = (apart, name, a["number"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("skipped: this Python has no torch")
        return 77
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    torch.set_num_threads(1)
    worst, failed = {}, []
    numbers = range(options.count) if options.only is None else [options.only]
    with tempfile.TemporaryDirectory() as folder:
        program = Program(options.program, pathlib.Path(folder))
        for number in numbers:
            rng = random.Random(f"{options.seed} {number}")  # independent of the other configurations
            torch.manual_seed(rng.getrandbits(32))
            a = {"number": number, **draw(rng)}
            problems = compare(a, program, torch, worst)
            if problems:
                failed.append(number)
                print(f"{describe(a)} differs; repeat with --seed {options.seed} --only {number}")
                print("".join(f"  {problem}\n" for problem in problems[:8]), end="")
            elif options.only is not None:
                print(describe(a))
    for (side, what), (apart, name, number) in sorted(worst.items()):
        print(f"{side}: {what} at most {apart:.1e} apart ({name} of configuration {number})")
    print(f"{len(numbers) - len(failed)} of {len(numbers)} configurations agree with PyTorch {torch.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
