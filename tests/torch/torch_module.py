# SPDX-License-Identifier: MIT
"""Tests rondo.LSTM, the module for PyTorch: against torch.nn.LSTM, by torch.autograd.gradcheck, and with the inputs of
PyTorch's own tests of its module.

Usage: torch_module.py [--count N] [--device cpu|cuda] [--install]. Compiles the extension when it is first used or, with
--install, installs the package by pip into a temporary folder; for cuda RONDO_CUDA_BUILD names a build folder of Rondo
with CUDA. Exit status 77: PyTorch is not installed.
"""

import argparse
import copy
import gc
import io
import pathlib
import random
import subprocess
import sys
import tempfile
import weakref

try:
    import torch
except ImportError:
    sys.exit(77)

PACKAGE = pathlib.Path(__file__).parents[2] / "bindings" / "torch"
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--count", type=int, default=100)
parser.add_argument("--device", default="cpu")
parser.add_argument("--install", action="store_true")
options = parser.parse_args()
if options.install:
    installed = tempfile.TemporaryDirectory()
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--target",
                    installed.name, PACKAGE], check=True)
    sys.path.insert(0, installed.name)
else:
    sys.path.insert(0, str(PACKAGE))
import rondo  # noqa: E402
from torch.nn.utils.rnn import PackedSequence, pack_sequence  # noqa: E402


def pair(seed, dtype, *args, **kwargs):
    """torch.nn.LSTM and rondo.LSTM with the same parameters."""
    torch.manual_seed(seed)
    theirs = torch.nn.LSTM(*args, **kwargs).to(dtype)
    ours = rondo.LSTM(*args, **kwargs).to(dtype)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    return theirs, ours


def outputs(module, x, hx):
    y, (h, c) = module(x) if hx is None else module(x, hx)
    return [y.data if isinstance(y, PackedSequence) else y, h, c], y


def largest(a, b):
    return max((abs(p - q).max().item() / (1 + q.abs().max().item()) if p.numel() else 0.0) for p, q in zip(a, b))


def compare(theirs, ours, x, hx):
    """The largest error of outputs and of gradients, relative to the largest value."""
    results = []
    for module in (theirs, ours):
        data = x.data if isinstance(x, PackedSequence) else x
        leaf = data.detach().clone().requires_grad_()
        given = x._replace(data=leaf) if isinstance(x, PackedSequence) else leaf
        states = None if hx is None else [s.detach().clone().requires_grad_() for s in hx]
        module.zero_grad()
        out, _ = outputs(module, given, states)
        torch.manual_seed(7)
        sum((o * torch.randn_like(o)).sum() for o in out).backward()
        gradients = [leaf.grad, *([] if states is None else [s.grad for s in states]),
                     *[p.grad for p in module.parameters()]]
        results.append(([o.detach() for o in out], gradients))
    (out, gradients), (our_out, our_gradients) = results
    assert [o.shape for o in out] == [o.shape for o in our_out], "shapes of outputs differ"
    return largest(our_out, out), largest(our_gradients, gradients)


def random_configurations(count):
    worst = {torch.float32: [0, 0], torch.float64: [0, 0]}
    draw = random.Random(3)
    for n in range(count):
        dtype = draw.choice([torch.float32, torch.float64])
        C, H, L = draw.randint(1, 20), draw.randint(2, 40), draw.randint(1, 3)
        options = {"num_layers": L, "bidirectional": draw.random() < 0.5, "bias": draw.random() < 0.8,
                   "batch_first": draw.random() < 0.3, "proj_size": draw.choice([0, 0, draw.randint(1, H - 1)])}
        theirs, ours = pair(n, dtype, C, H, **options)
        B, T, kind = draw.randint(1, 9), draw.randint(1, 12), draw.choice(["dense", "dense", "packed", "single"])
        if kind == "packed":
            lengths = [draw.randint(1, T) for _ in range(B)]
            x = pack_sequence([torch.randn(t, C, dtype=dtype) for t in lengths], enforce_sorted=False)
        elif kind == "single":
            x = torch.randn(T, C, dtype=dtype)
        else:
            x = torch.randn(T, B, C, dtype=dtype)
            x = x.transpose(0, 1) if options["batch_first"] else x  # not contiguous
        hx = None
        if draw.random() < 0.7:
            batch = [] if kind == "single" else [B]
            rows = L * (2 if options["bidirectional"] else 1)
            hx = (torch.randn(rows, *batch, options["proj_size"] or H, dtype=dtype),
                  torch.randn(rows, *batch, H, dtype=dtype))
        errors = compare(theirs, ours, x, hx)
        limit = (2e-6, 2e-5) if dtype == torch.float32 else (1e-13, 1e-12)
        assert errors[0] < limit[0] and errors[1] < limit[1], f"{n}: {errors} with {C, H, kind, options}"
        worst[dtype] = [max(a, b) for a, b in zip(worst[dtype], errors)]
    for dtype, (out, gradients) in worst.items():
        print(f"{dtype}: largest error of outputs {out:.1e}, of gradients {gradients:.1e}")


def gradcheck():
    for options in ({}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 2, "bias": False}):
        torch.manual_seed(1)
        module = rondo.LSTM(3, 4, dtype=torch.float64, **options)
        rows, P = module.num_layers * (2 if module.bidirectional else 1), module.proj_size or 4
        values = [torch.randn(5, 2, 3, dtype=torch.float64), torch.randn(rows, 2, P, dtype=torch.float64),
                  torch.randn(rows, 2, 4, dtype=torch.float64), *[p.detach() for p in module.parameters()]]
        names = list(module.state_dict())

        def run(x, h, c, *parameters):
            y, (h_n, c_n) = torch.func.functional_call(module, dict(zip(names, parameters)), (x, (h, c)))
            return y, h_n, c_n

        assert torch.autograd.gradcheck(run, [v.clone().requires_grad_() for v in values])
    print("gradcheck: three modules")


def inputs_of_pytorch():
    """The arguments with which PyTorch tests torch.nn.LSTM."""
    try:
        from torch.testing._internal.common_modules import module_db
    except ImportError as missing:
        print(f"PyTorch's own inputs: skipped, {missing}")
        return
    info = next(i for i in module_db if i.module_cls is torch.nn.LSTM)
    count = 0
    for dtype in (torch.float32, torch.float64):
        for training in (False, True):
            for given in info.module_inputs_func(info, device=torch.get_default_device().type, dtype=dtype, requires_grad=False,
                                                 training=training):
                args, kwargs = given.constructor_input.args, dict(given.constructor_input.kwargs)
                kwargs.pop("device", None), kwargs.pop("dtype", None)
                if kwargs.get("dropout"):
                    kwargs["dropout"] = 0  # random
                theirs, ours = pair(count, dtype, *args, **kwargs)
                x, *states = given.forward_input.args
                errors = compare(theirs, ours, x, states[0] if states else None)
                assert max(errors) < (1e-5 if dtype == torch.float32 else 1e-12), (errors, args, kwargs)
                count += 1
    assert count > 0
    print(f"PyTorch's own inputs: {count}")


def behaviour():
    theirs, ours = pair(0, torch.float32, 5, 7, 2)
    x = torch.randn(6, 3, 5)
    # training: the same loss and parameters after some steps
    losses = []
    for module in (copy.deepcopy(theirs), copy.deepcopy(ours)):
        optimiser = torch.optim.Adam(module.parameters(), 1e-2)
        for _ in range(20):
            optimiser.zero_grad()
            loss = (module(x)[0] - 0.3).square().mean()
            loss.backward()
            optimiser.step()
        losses.append(loss.item())
    assert abs(losses[0] - losses[1]) < 1e-5, losses
    # the graph may be used twice, and holds no cycle: what a pass saved is freed with its outputs
    y, _ = ours(x)
    first = torch.autograd.grad(y.sum(), ours.weight_hh_l0, retain_graph=True)[0]
    again = torch.autograd.grad(y.sum(), ours.weight_hh_l0)[0]
    assert torch.equal(first, again)
    saved = weakref.ref(ours(x)[0].grad_fn)
    y = ours(x)[0]
    saved = [weakref.ref(s) for s in y.grad_fn.saved]
    del y
    gc.collect()
    assert all(s() is None for s in saved), "a pass is never freed"
    # a parameter that changes between forward and backward is an error, as in PyTorch
    y, _ = ours(x)
    with torch.no_grad():
        ours.weight_hh_l0.add_(1)
    try:
        y.sum().backward()
        raise AssertionError("a parameter that changed was not noticed")
    except RuntimeError as e:
        assert "modified by an inplace operation" in str(e), e
    # files, copies, no gradients, dropout
    stored = io.BytesIO()
    torch.save(ours, stored)
    stored.seek(0)
    loaded = torch.load(stored, weights_only=False)
    with torch.no_grad():
        assert torch.equal(loaded(x)[0], ours(x)[0])
        assert not ours(x)[0].requires_grad
    dropped = rondo.LSTM(5, 7, 2, dropout=0.5)
    assert not torch.equal(dropped(x)[0], dropped(x)[0]) and torch.equal(dropped.eval()(x)[0], dropped(x)[0])
    rounded = rondo.LSTM(5, 7, 2, precision="bf16")
    rounded.load_state_dict(ours.state_dict())
    difference = (rounded(x)[0] - ours(x)[0]).abs().max().item()
    assert 1e-6 < difference < 0.05, difference
    assert "precision='bf16'" in repr(rounded)
    # errors
    for wrong, words in ((lambda: ours(torch.randn(6, 3, 4)), "Expected 5, got 4"),
                         (lambda: ours(torch.randn(6)), "Expected input to be 2D or 3D, got 1D"),
                         (lambda: ours(x, (torch.randn(2, 2, 7), torch.randn(2, 3, 7))), "Expected hidden[0] size"),
                         (lambda: ours(x.half()), "wanted float32 or float64"),
                         (lambda: rondo.LSTM(5, 7, precision="int8"), "wanted fp32, bf16")):
        try:
            wrong()
        except (RuntimeError, ValueError) as e:
            assert words in str(e), (words, e)
        else:
            raise AssertionError(f"no error: {words}")
    print("behaviour: training, graphs, files, dropout, precision, errors")


if __name__ == "__main__":
    torch.set_default_device(options.device)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    random_configurations(options.count)
    gradcheck()
    inputs_of_pytorch()
    behaviour()
