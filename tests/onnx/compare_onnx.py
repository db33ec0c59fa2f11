#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generates random PyTorch models and compares Rondo's reading and writing of ONNX files with PyTorch and onnxruntime.

Usage: compare_onnx.py PROGRAM [--seed 1] [--count 30] [--dynamo 6] [--only K]
  PROGRAM     the built tests/onnx/onnx_tool.cpp
  --dynamo N  every Nth model also by the newer exporter of PyTorch (seconds each)
  --only K    only model K of this seed, as printed by a failure

Exit status: 0 all agree, 1 they differ, 77 this Python lacks torch, onnx or onnxruntime.

A model is an optional embedding, of one or several ids per step, one or two LSTM or GRU modules and a head of linear layers and activations, with skip
connections, gains, learned initial states, states as inputs of the graph, and fixed or dynamic shapes. Its outputs in
double are the reference y. For each model:
  read      PyTorch's ONNX (of each exporter, and a graph as tf2onnx writes it), read and computed by Rondo
  write     Rondo's ONNX of the same weights, computed by onnxruntime
  again     Rondo's ONNX, read and computed by Rondo
  weights   PyTorch's ONNX, converted by Rondo to safetensors, read and computed by Rondo
LSTMs with peepholes, which PyTorch does not have, have a reference in this file.

A deviation is relative to the largest value of y, or absolute if that is below 1. The bound is that of
compare_recurrent.py for outputs in float: a dozen roundings of 2^-24.
"""

import argparse
import io
import json
import logging
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings

BOUND = 1e-6


def write_arrays(path, arrays, metadata=None):
    """Writes arrays of numpy as float."""
    header, data, offset = {"__metadata__": metadata or {}}, [], 0
    for name, values in arrays.items():
        data.append(values.astype("float32").tobytes())
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, offset + len(data[-1])]}
        offset += len(data[-1])
    text = json.dumps(header).encode()
    path.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *data]))


def write_safetensors(path, tensors, metadata=None):
    """Writes tensors of PyTorch as float."""
    write_arrays(path, {name: tensor.detach().numpy() for name, tensor in tensors.items()}, metadata)


def read_array(path, numpy):
    """The array "y" of a file that has no other, in double."""
    data = path.read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    entry = json.loads(data[8:start])["y"]
    return numpy.frombuffer(data[start:], dtype="float32").reshape(entry["shape"]).astype("float64")


def read_y(path, torch):
    import numpy
    return torch.from_numpy(read_array(path, numpy))


def draw(rng, keras):
    """A model: sizes and the list of its parts. keras: one that keras_graph writes."""
    def size(most=24):
        return rng.choice([1, 2, rng.randint(1, most), rng.randint(1, most)])

    a = dict(tokens=rng.random() < 0.3, features=size(), batch_first=rng.random() < 0.5, dynamic=rng.random() < 0.75,
             batch=rng.choice([1, 2, 3, 5]), time=rng.choice([1, 2, 7, 12]), parts=[], double=False)
    a["double"] = not a["tokens"] and rng.random() < 0.1
    a["ids"] = rng.choice([1, 1, 2, 4]) if a["tokens"] else 1  # per step
    a["absent"] = a["ids"] > 1 and rng.random() < 0.5  # some ids are -1, which PyTorch does not have
    features = a["inputs"] = a["features"]
    parts = a["parts"]
    if keras:
        kind, hidden, outputs = rng.choice(["lstm", "gru"]), size(40), size()
        parts.append(dict(kind=kind, features=features, hidden=hidden, layers=1, both=False, bias=True, state="zero"))
        parts.append(dict(kind="fc", features=hidden, outputs=outputs, bias=True))
        return a | dict(tokens=False, ids=1, absent=False, batch_first=True, double=False, last=rng.random() < 0.5)
    if a["tokens"]:
        a["vocabulary"] = rng.randint(2, 40)
        parts.append(dict(kind="embedding"))
    if rng.random() < 0.15:
        parts.append(dict(kind="fc", features=features, outputs=size(), bias=True))
        features = parts[-1]["outputs"]
        parts.append(dict(kind=rng.choice(["tanh", "relu"])))
    for _ in range(rng.choice([1, 1, 2])):
        part = dict(kind=rng.choice(["lstm", "gru"]), features=features, hidden=size(40),
                    layers=rng.choice([1, 1, 2, 3]), both=rng.random() < 0.4, bias=rng.random() < 0.85,
                    state=rng.choice(["zero", "zero", "zero", "learned"]))
        parts.append(part)
        features = part["hidden"] * (2 if part["both"] else 1)
        if rng.random() < 0.3:
            parts.append(dict(kind="dropout"))
    if rng.random() < 0.2:
        sources = [n for n in range(1 if a["tokens"] else 0, len(parts)) if widths(a)[n] >= features]
        if sources:
            parts.append(dict(kind="skip", source=rng.choice(sources), features=features))
    for _ in range(rng.choice([0, 1, 1, 2])):
        parts.append(dict(kind="fc", features=features, outputs=size(), bias=rng.random() < 0.8))
        features = parts[-1]["outputs"]
        if rng.random() < 0.7:
            parts.append(dict(kind=rng.choice(["tanh", "sigmoid", "relu", "elu", "softplus"])))
    if rng.random() < 0.2:
        parts.append(dict(kind="gain", factor=rng.choice([0.5, -1.25, 0.3])))
    # Two inputs for initial states, of a model with one recurrent module
    recurrent = [p for p in parts if p["kind"] in ("lstm", "gru")]
    if len(recurrent) == 1 and recurrent[0]["state"] == "zero" and rng.random() < 0.3:
        recurrent[0]["state"] = "input"
    a["last"] = rng.random() < 0.15
    return a


def widths(a):
    """Features at the input and after each part."""
    all_widths = [a["inputs"]]
    for part in a["parts"]:
        if part["kind"] in ("lstm", "gru"):
            all_widths.append(part["hidden"] * (2 if part["both"] else 1))
        else:
            all_widths.append(part.get("outputs", all_widths[-1]))
    return all_widths


def make_module(a, torch):
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            for n, part in enumerate(a["parts"]):
                if part["kind"] == "embedding":
                    self.embedding = nn.Embedding(a["vocabulary"], a["features"])
                elif part["kind"] in ("lstm", "gru"):
                    kind = nn.LSTM if part["kind"] == "lstm" else nn.GRU
                    module = kind(part["features"], part["hidden"], part["layers"], bias=part["bias"],
                                  bidirectional=part["both"], batch_first=a["batch_first"])
                    for p in module.parameters():
                        if p.dim() == 2:
                            nn.init.uniform_(p, -1, 1).data /= max(part["hidden"], p.shape[1]) ** 0.5
                    setattr(self, f"rnn{n}", module)
                    if part["state"] == "learned":
                        shape = (part["layers"] * (2 if part["both"] else 1), 1, part["hidden"])
                        setattr(self, f"h{n}", nn.Parameter(2 * torch.rand(shape) - 1))
                        setattr(self, f"c{n}", nn.Parameter(torch.randn(shape)))
                elif part["kind"] == "fc":
                    setattr(self, f"fc{n}", nn.Linear(part["features"], part["outputs"], bias=part["bias"]))
                elif part["kind"] == "dropout":
                    setattr(self, f"dropout{n}", nn.Dropout(0.5))

        def forward(self, x, *state):
            points = [x]
            for n, part in enumerate(a["parts"]):
                x, kind = points[-1], part["kind"]
                if kind == "embedding":
                    y = self.embedding(x.clamp(min=0)) * (x >= 0)[..., None] if a["absent"] else self.embedding(x)
                    y = y.sum(-2) if a["ids"] > 1 else y
                elif kind in ("lstm", "gru"):
                    start = state if part["state"] == "input" else None
                    if part["state"] == "learned":
                        B = x.shape[0 if a["batch_first"] else 1]
                        start = tuple(getattr(self, f"{s}{n}").expand(-1, B, -1).contiguous() for s in "hc")
                    if start and kind == "gru":
                        start = start[0]
                    y = getattr(self, f"rnn{n}")(x, start)[0]
                elif kind == "fc":
                    y = getattr(self, f"fc{n}")(x)
                elif kind == "dropout":
                    y = getattr(self, f"dropout{n}")(x)
                elif kind == "skip":
                    y = x + points[part["source"]][..., :part["features"]]
                elif kind == "gain":
                    y = x * part["factor"]
                else:
                    y = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "elu": nn.functional.elu,
                         "softplus": nn.functional.softplus}[kind](x)
                points.append(y)
            y = points[-1]
            if a["last"]:
                y = y[:, -1] if a["batch_first"] else y[-1]
            return y

    return Model().float().eval()


def rondo_tensors(a, module):
    """(tensors under Rondo's names, list of modules)."""
    tensors, names, number = {}, [], {0: 0}  # number: of Rondo's point for each of ours
    for n, part in enumerate(a["parts"]):
        kind = part["kind"]
        if kind in ("lstm", "gru"):
            names.append(f"rnn{n}")
            if part["state"] == "learned":
                directions = 2 if part["both"] else 1
                for s in "hc"[:2 if kind == "lstm" else 1]:
                    for k, row in enumerate(getattr(module, f"{s}{n}")[:, 0]):
                        tensors[f"rnn{n}.{s}0_l{k // directions}" + ("_reverse" if k % directions else "")] = row
        elif kind == "fc":
            names.append(f"fc{n}")
        elif kind == "gain":
            names.append(f"gain {part['factor']}")
        elif kind == "skip":
            names.append(f"skip {number[part['source']]}")
        elif kind == "embedding":
            names.append(f"embedding {a['ids']}")
        elif kind != "dropout":
            names.append(kind)
        number[n + 1] = len(names)
    tensors |= {name: p for name, p in module.named_parameters() if "." in name}
    return tensors, ", ".join(names)


def make_input(a, torch):
    """x, T x B x C, T x B tokens or T x B x ids."""
    if a["tokens"]:
        shape = (a["time"], a["batch"]) + ((a["ids"],) if a["ids"] > 1 else ())
        return torch.randint(-1 if a["absent"] else 0, a["vocabulary"], shape)
    return torch.randn(a["time"], a["batch"], a["inputs"])


def by_torch(a, module, x, torch):
    """(y in double, arguments of the module)."""
    arguments = [x.transpose(0, 1).contiguous() if a["batch_first"] else x]
    for part in a["parts"]:
        if part.get("state") == "input":
            shape = (part["layers"] * (2 if part["both"] else 1), a["batch"], part["hidden"])
            arguments += [torch.zeros(shape)] * (2 if part["kind"] == "lstm" else 1)
    last, a["last"] = a["last"], False
    module.double()
    y = module(*(v if v.dtype == torch.int64 else v.double() for v in arguments)).detach()
    if not a["double"]:
        module.float()
    a["last"] = last
    return (y.transpose(0, 1) if a["batch_first"] else y), arguments


def export(a, module, arguments, path, dynamo, torch):
    if a["double"]:
        arguments = [v.double() for v in arguments]
    names = ["x", "h0", "c0"][:len(arguments)]
    shapes = {}
    if a["dynamic"] and not (dynamo and 1 in (a["batch"], a["time"])):  # torch.export takes a size of 1 as fixed
        t, b = (1, 0) if a["batch_first"] else (0, 1)
        if dynamo:
            T, B = torch.export.Dim.AUTO, torch.export.Dim.AUTO
            per_argument = [{t: T, b: B}] + [{1: B} for _ in arguments[1:]]
            shapes["dynamic_shapes"] = (per_argument[0], *([tuple(per_argument[1:])] if arguments[1:] else []))
        else:
            shapes["dynamic_axes"] = {"x": {t: "T", b: "B"}} | {name: {1: "B"} for name in names[1:]}
    log = io.StringIO()
    stdout, sys.stdout = sys.stdout, log
    try:
        options = dict(external_data=False, optimize=True) if dynamo else {}
        torch.onnx.export(module, tuple(arguments), str(path), input_names=names, output_names=["y"], dynamo=dynamo,
                          verbose=False, **options, **shapes)
    finally:
        sys.stdout = stdout


def keras_graph(a, module, path, onnx):
    """Writes a graph like that of tf2onnx for a Keras LSTM or GRU with a dense layer."""
    import numpy
    helper = onnx.helper
    part, fc = a["parts"]
    lstm, H, K = part["kind"] == "lstm", part["hidden"], fc["outputs"]
    rnn, dense = module.rnn0, module.fc1
    order = [0, 3, 1, 2] if lstm else [1, 0, 2]
    gates = lambda p: numpy.concatenate([p.detach().numpy()[g * H:(g + 1) * H] for g in order])
    constants = dict(
        W=gates(rnn.weight_ih_l0)[None], R=gates(rnn.weight_hh_l0)[None],
        B=numpy.concatenate([gates(rnn.bias_ih_l0), gates(rnn.bias_hh_l0)])[None],
        kernel=dense.weight.detach().numpy().T, bias=dense.bias.detach().numpy(),
        zero=numpy.array([0]), one=numpy.array([1]), two=numpy.array([2]), H=numpy.array([H]), K=numpy.array([K]),
        flat=numpy.array([-1, H]), ends=numpy.array([1]))
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["shape"]), node("Cast", ["shape"], ["shape64"], to=onnx.TensorProto.INT64),
        node("Slice", ["shape64", "zero", "ends", "zero"], ["batch"]),
        node("Concat", ["one", "batch", "H"], ["state_shape"], axis=0),
        node("ConstantOfShape", ["state_shape"], ["state"]),
        node("Transpose", ["x"], ["x_time"], perm=[1, 0, 2]),
        node("LSTM" if lstm else "GRU", ["x_time", "W", "R", "B", ""] + ["state"] * (2 if lstm else 1), ["Y", "Y_h"],
             hidden_size=H, direction="forward", **({} if lstm else dict(linear_before_reset=1))),
        node("Squeeze", ["Y", "one"], ["y_time"]), node("Transpose", ["y_time"], ["y_batch"], perm=[1, 0, 2]),
        node("Squeeze", ["Y_h", "zero"], ["y_last"]),
    ]
    if a["last"]:
        nodes += [node("Gemm", ["y_last", "kernel", "bias"], ["y"])]
    else:
        nodes += [node("Reshape", ["y_batch", "flat"], ["y_flat"]), node("MatMul", ["y_flat", "kernel"], ["product"]),
                  node("Slice", ["shape64", "zero", "two", "zero"], ["batch_time"]),
                  node("Concat", ["batch_time", "K"], ["y_shape"], axis=0),
                  node("Reshape", ["product", "y_shape"], ["dense"]), node("Add", ["dense", "bias"], ["y"])]
    F = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "keras", [helper.make_tensor_value_info("x", F, ["N", "T", a["inputs"]])],
        [helper.make_tensor_value_info("y", F, None)],
        [onnx.numpy_helper.from_array(numpy.ascontiguousarray(v), name) for name, v in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), str(path))


def peephole_model(rng, torch):
    """(tensors, list of modules, x, y) of an LSTM with peepholes, computed here in double."""
    C, H, T, B, D = rng.randint(1, 9), rng.randint(1, 20), 6, 3, rng.randint(1, 2)
    tensors = {}
    for end in ["_l0", "_l0_reverse"][:D]:
        tensors |= {"lstm.weight_ih" + end: torch.randn(4 * H, C) / C ** 0.5, "lstm.bias_ih" + end: torch.randn(4 * H),
                    "lstm.weight_hh" + end: torch.randn(4 * H, H) / H ** 0.5, "lstm.peephole" + end: torch.randn(H, 3)}
    x = torch.randn(T, B, C)
    outputs = []
    for d in range(D):
        W, b, R, p = (v.double() for v in list(tensors.values())[4 * d:4 * d + 4])
        h, c, ys = torch.zeros(B, H).double(), torch.zeros(B, H).double(), []
        for x_t in (x.double().flip(0) if d else x.double()):
            i, f, g, o = (x_t @ W.T + b + h @ R.T).chunk(4, dim=1)
            i, f = torch.sigmoid(i + p[:, 0] * c), torch.sigmoid(f + p[:, 1] * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + p[:, 2] * c) * torch.tanh(c)
            ys.append(h)
        outputs.append(torch.stack(ys[::-1] if d else ys))
    return tensors, "lstm", x, torch.cat(outputs, dim=2)


class Program:
    """An onnx_tool process."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, *words):
        """The warnings. Raises RuntimeError with the message of an error."""
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline().strip()
        if not reply.startswith("ok"):
            raise RuntimeError(f"{' '.join(str(w) for w in words)}: {reply or 'the program has ended'}")
        return reply[4:]


class Comparison:
    def __init__(self, program, folder, torch, onnx, ort):
        self.program, self.folder, self.torch, self.onnx, self.ort = program, folder, torch, onnx, ort
        self.worst, self.counts, self.problems = {}, {}, []

    def file(self, name):
        return self.folder / name

    def check(self, what, number, wanted, got):
        assert wanted.shape == got.shape, f"{tuple(got.shape)}, wanted {tuple(wanted.shape)}"
        apart = ((wanted - got).abs().max() / max(1.0, wanted.abs().max())).item()
        self.counts[what] = self.counts.get(what, 0) + 1
        if what not in self.worst or not apart <= self.worst[what][0]:
            self.worst[what] = (apart, number)
        if not apart <= BOUND:
            self.problems.append(f"{what} is {apart:.2g} apart")

    def attempt(self, what, number, action):
        """Runs action; an exception is a problem."""
        try:
            action()
        except Exception as e:  # noqa: BLE001: any failure of one model is reported, the others go on
            self.problems.append(f"{what}: {type(e).__name__}: {str(e)[:600]}")

    def read(self, what, number, model, y, last=False):
        warnings_ = self.program.run("run", model, self.file("x.safetensors"), self.file("y.safetensors"))
        if last and "last step" not in warnings_:
            self.problems.append(f"{what}: no warning that the graph returns the last step")
        self.check(what, number, y, read_y(self.file("y.safetensors"), self.torch))

    def write(self, number, model, x, y):
        """model: a safetensors file. Writes it as ONNX, and compares onnxruntime and Rondo with y."""
        path = self.file("rondo.onnx")
        self.program.run("onnx", model, path)
        self.onnx.checker.check_model(self.onnx.load(str(path)), full_check=True)
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = self.ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        got = session.run(["y"], {"x": x.numpy()})[0]
        self.check("write: onnxruntime", number, y, self.torch.from_numpy(got).double())
        self.attempt("again", number, lambda: self.read("again: Rondo's own file", number, path, y))


def compare(number, rng, c, dynamo):
    torch = c.torch
    c.problems = []
    if number % 10 == 9:
        tensors, modules, x, y = peephole_model(rng, torch)
        write_safetensors(c.file("model.safetensors"), tensors, {"test.modules": modules})
        write_safetensors(c.file("x.safetensors"), {"x": x})
        c.attempt("write", number, lambda: c.write(number, c.file("model.safetensors"), x, y))
        return "an LSTM with peepholes"
    a = draw(rng, number % 10 == 8)
    module = make_module(a, torch)
    x = make_input(a, torch)
    y, arguments = by_torch(a, module, x, torch)
    write_safetensors(c.file("x.safetensors"), {"x": x})
    tensors, modules = rondo_tensors(a, module)
    write_safetensors(c.file("model.safetensors"), tensors, {"test.modules": modules})
    c.attempt("write", number, lambda: c.write(number, c.file("model.safetensors"), x, y))

    for newer in () if a["absent"] else (False, True)[:2 if dynamo else 1]:
        what = "read: exporter with dynamo" if newer else "read: TorchScript exporter"
        path = c.file("torch.onnx")

        def read():
            export(a, module, arguments, path, newer, torch)
            c.read(what, number, path, y, a["last"] and a["time"] > 1)
            if not any(p["kind"] in ("skip", "gain") for p in a["parts"]):
                c.program.run("weights", path, c.file("weights.safetensors"))
                c.read("weights: ONNX to safetensors", number, c.file("weights.safetensors"), y)
        c.attempt(what, number, read)
    if number % 10 == 8:
        def read_keras():
            keras_graph(a, module, c.file("keras.onnx"), c.onnx)
            c.read("read: graph like tf2onnx's", number, c.file("keras.onnx"), y)
        c.attempt("keras", number, read_keras)
    return str(a)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--dynamo", type=int, default=6)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    try:
        import onnx
        import onnxruntime
        import torch
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    try:
        import onnxscript  # noqa: F401: the newer exporter needs it
    except ImportError:
        options.dynamo = 0
        print("without onnxscript: only the TorchScript exporter")
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    torch.set_num_threads(1)
    failed = []
    numbers = range(options.count) if options.only is None else [options.only]
    with tempfile.TemporaryDirectory() as folder:
        c = Comparison(Program(options.program), pathlib.Path(folder), torch, onnx, onnxruntime)
        for number in numbers:
            rng = random.Random(f"{options.seed} {number}")  # independent of the other models
            torch.manual_seed(rng.getrandbits(32))
            dynamo = options.dynamo > 0 and (number % options.dynamo == 0 or options.only is not None)
            text = compare(number, rng, c, dynamo)
            if c.problems:
                failed.append(number)
                print(f"{text} differs; repeat with --seed {options.seed} --only {number}")
                print("".join(f"  {problem}\n" for problem in c.problems), end="", flush=True)
            elif options.only is not None:
                print(text)
    for what, (apart, number) in sorted(c.worst.items()):
        print(f"{what}: {c.counts[what]} models, at most {apart:.1e} apart (model {number})")
    print(f"{len(numbers) - len(failed)} of {len(numbers)} models agree with PyTorch {torch.__version__} and "
          f"onnxruntime {onnxruntime.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
