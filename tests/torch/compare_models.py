#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random PyTorch modules through files: PyTorch saves, Rondo runs, Rondo saves, PyTorch loads with strict=True.

Usage: compare_models.py PROGRAM [--seed 1] [--count 40] [--only K]
  PROGRAM   the built tool `rondo`

Exit status: 0 all agree, 1 they differ, 77 this Python has no torch, numpy or safetensors.

Each module is an optional embedding, one to three recurrent modules (LSTM or GRU, several layers, both directions,
projections, with and without bias), activations and linear layers. It is saved with the function of
examples/from_pytorch, in float, double or (without self-test) half precision. The reference is PyTorch in double with
the saved weights; a deviation is absolute, for outputs of order one.
"""
import argparse
import copy
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import numpy
    import safetensors.torch
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "from_pytorch"))
from save_for_rondo import save_for_rondo  # noqa: E402

BOUND = 1e-6
ACTIVATIONS = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu,
               "elu": torch.nn.functional.elu, "softplus": torch.nn.functional.softplus}


class Chain(torch.nn.Module):
    """Modules and activations in the order of `words`."""

    def __init__(self, choose):
        super().__init__()
        self.words, self.tokens = [], choose.random() < 0.3
        self.inputs = features = choose.randint(1, 12)
        if self.tokens:
            features = choose.randint(1, 12)
            self.inputs = choose.randint(2, 30)
            self.add("embedding", torch.nn.Embedding(self.inputs, features))
        for n in range(choose.randint(1, 3)):
            if choose.random() < 0.3 and n > 0:
                self.words.append(choose.choice(list(ACTIVATIONS)))
            hidden, both = choose.randint(1, 24), choose.random() < 0.4
            options = {"num_layers": choose.randint(1, 3), "bidirectional": both, "bias": choose.random() < 0.8}
            kind = choose.choice([torch.nn.LSTM, torch.nn.GRU])
            if kind is torch.nn.LSTM and hidden > 2 and choose.random() < 0.2:
                options["proj_size"] = choose.randint(1, hidden - 1)
            self.add(f"recurrent{n}", kind(features, hidden, **options))
            features = (options.get("proj_size") or hidden) * (2 if both else 1)
        for n in range(choose.randint(0, 2)):
            size = choose.randint(1, 10)
            self.add(f"head{n}", torch.nn.Linear(features, size, bias=choose.random() < 0.8))
            features = size
            if choose.random() < 0.5:
                self.words.append(choose.choice(list(ACTIVATIONS)))

    def add(self, name, module):
        self.add_module(name, module)
        self.words.append(name)

    def forward(self, x):
        for word in self.words:
            if word in ACTIVATIONS:
                x = ACTIVATIONS[word](x)
            else:
                x = getattr(self, word)(x)
                x = x[0] if isinstance(x, tuple) else x
        return x


def check(number, seed, program, folder):
    """The worst deviation of one module, and what it is."""
    choose = random.Random(f"{seed} {number}")
    torch.manual_seed(seed * 100003 + number)
    module = Chain(choose)
    order = ", ".join(module.words)
    dtype = choose.choice([torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16])
    batch, time = choose.randint(1, 4), choose.randint(1, 20)
    module = module.to(dtype)
    exact = copy.deepcopy(module).double()
    x = torch.randint(module.inputs, (time, batch)) if module.tokens else torch.randn(time, batch, module.inputs).float()
    with torch.no_grad():
        wanted = exact(x if module.tokens else x.double())

    path = folder / "model.safetensors"
    if dtype in (torch.float32, torch.float64):
        save_for_rondo(path, module, order, x[:, :1] if module.tokens else x[:, :1].to(dtype))
    else:
        safetensors.torch.save_file(module.state_dict(), path, metadata={"rondo.modules": order})
    array = x.numpy()
    numpy.save(folder / "x.npy", numpy.ascontiguousarray(array.T if module.tokens else array.transpose(1, 0, 2)))

    def rondo(*words):
        return subprocess.run([str(program), *map(str, words)], check=True, capture_output=True, text=True).stdout

    worst = 0
    about = json.loads(rondo("inspect", path, "--json"))
    if "self_test" in about:
        worst = about["self_test"]["difference"]
    report = json.loads(rondo("run", path, "--input", folder / "x.npy", "--output", folder / "y.npy", "--json"))
    y = torch.tensor(numpy.load(folder / "y.npy")).double().transpose(0, 1)
    assert y.shape == wanted.shape and report["output"] == wanted.shape[2], (y.shape, wanted.shape)
    worst = max(worst, (y - wanted).abs().max().item())
    if about["streams"]:
        rondo("run", path, "--input", folder / "x.npy", "--output", folder / "s.npy", "--stream")
        s = torch.tensor(numpy.load(folder / "s.npy")).double().transpose(0, 1)
        worst = max(worst, (s - wanted).abs().max().item())

    rondo("convert", path, folder / "again.safetensors")
    again = Chain(random.Random(f"{seed} {number}")).double()
    again.load_state_dict(safetensors.torch.load_file(folder / "again.safetensors"), strict=True)
    with torch.no_grad():
        worst = max(worst, (again(x if module.tokens else x.double()) - wanted).abs().max().item())
    return worst, f"{order} ({dtype})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    worst, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.count) if options.only is None else [options.only]:
            deviation, text = check(number, options.seed, options.program.resolve(), pathlib.Path(folder))
            worst = max(worst, deviation)
            if not deviation <= BOUND:
                failed += 1
                print(f"--only {number}: {text}: deviation {deviation:.2g}")
    print(f"{options.count} modules, worst deviation {worst:.2g}, bound {BOUND:.0e}")
    sys.exit(1 if failed else 0)


main()
