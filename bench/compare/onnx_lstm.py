# SPDX-License-Identifier: MIT
"""ONNX Runtime's side of bench_lstm: inference and single steps, fp32. Usage: onnx_lstm.py THREADS, then worker.py's
protocol on stdin."""

import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

import worker

rng = np.random.default_rng(1)


def weights(*shape, bound):
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def lstm_model(a):
    """L layers of LSTM with their states as inputs and outputs. ONNX has an axis of directions between time and batch,
    (T, 1, B, H), which is removed before the next layer."""
    T, B, C, H, L = (a[key] for key in "TBCHL")
    value = helper.make_tensor_value_info
    nodes, constants = [], [helper.make_tensor("one", TensorProto.INT64, [1], [1])]
    inputs, outputs = [value("x", TensorProto.FLOAT, [T, B, C])], []
    below = "x"
    for l in range(L):
        features = C if l == 0 else H
        for name, shape in (("W", (1, 4 * H, features)), ("R", (1, 4 * H, H)), ("b", (1, 8 * H))):
            constants.append(onnx.numpy_helper.from_array(weights(*shape, bound=H**-0.5), f"{name}{l}"))
        nodes.append(helper.make_node(
            "LSTM", [below, f"W{l}", f"R{l}", f"b{l}", "", f"h{l}", f"c{l}"], [f"y{l}", f"h_end{l}", f"c_end{l}"],
            hidden_size=H))
        below = f"z{l}"
        nodes.append(helper.make_node("Squeeze", [f"y{l}", "one"], [below]))
        inputs += [value(f"{s}{l}", TensorProto.FLOAT, [1, B, H]) for s in "hc"]
        outputs += [value(f"{s}_end{l}", TensorProto.FLOAT, [1, B, H]) for s in "hc"]
    outputs.append(value(below, TensorProto.FLOAT, [T, B, H]))
    graph = helper.make_graph(nodes, "lstm", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def session(a, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Its threads spin for work while it runs, but must not while other libraries are measured.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(lstm_model(a).SerializeToString(), options, ["CPUExecutionProvider"])


def make_call(operation, a, threads):
    if operation not in ("lstm_inference", "lstm_step"):
        return None
    run = session(a, threads).run
    layers = range(a["L"])
    feed = {f"{s}{l}": np.zeros((1, a["B"], a["H"]), np.float32) for l in layers for s in "hc"}
    feed["x"] = rng.standard_normal((a["T"], a["B"], a["C"])).astype(np.float32)

    def inference():
        run(None, feed)

    def step():
        *states, _ = run(None, feed)
        for l in layers:
            feed[f"h{l}"], feed[f"c{l}"] = states[2 * l], states[2 * l + 1]

    return (step if operation == "lstm_step" else inference), {}


if __name__ == "__main__":
    count = int(sys.argv[1])
    worker.serve({"ONNX Runtime": onnxruntime.__version__}, lambda operation, a: make_call(operation, a, count))
