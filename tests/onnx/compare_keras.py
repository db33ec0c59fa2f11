#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares Rondo's reading of Keras models that tf2onnx has converted with Keras.

Usage: compare_keras.py PROGRAM
  PROGRAM     the built tests/onnx/onnx_tool.cpp

Exit status: 0 all agree, 1 they differ, 77 this Python lacks tensorflow, tf2onnx or onnx.

Outputs of onnxruntime, where it is installed, must agree as well: a deviation is then not tf2onnx's. The bound is that of
compare_onnx.py, which also has the functions for files.
"""

import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from compare_onnx import BOUND, Program, read_array, write_arrays  # noqa: E402


def models(keras):
    """(name, model, vocabulary; 0: features, what the reply must say, in capitals if the model is refused) of each case."""
    L = keras.layers

    def sequential(*layers, inputs=3, dtype="float32", time=None):
        shape = (time,) if dtype == "int32" else (time, inputs)
        return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])

    sequence = dict(return_sequences=True)
    yield "LSTM", sequential(L.LSTM(5, **sequence)), 0, ""
    yield "LSTM of fixed length", sequential(L.LSTM(5, **sequence), L.Dense(2), time=7), 0, ""
    yield "LSTM without bias", sequential(L.LSTM(5, use_bias=False, **sequence), L.Dense(2)), 0, ""
    yield "LSTM of one unit", sequential(L.LSTM(1, **sequence), L.Dense(1), inputs=1), 0, ""
    yield "LSTM, dense layers", sequential(L.LSTM(6, **sequence), L.Dense(4, activation="relu"), L.Dense(2)), 0, ""
    yield "two LSTMs", sequential(L.LSTM(6, **sequence), L.Dropout(0.5), L.LSTM(4, **sequence), L.Dense(2)), 0, ""
    yield "last step", sequential(L.LSTM(6, **sequence), L.LSTM(4), L.Dense(2)), 0, "last step"
    yield "GRU", sequential(L.GRU(5, **sequence), L.Dense(2, activation="tanh")), 0, ""
    yield "two GRUs", sequential(L.GRU(1, **sequence), L.GRU(4), L.Dense(2)), 0, "last step"
    yield "GRU without bias", sequential(L.GRU(5, use_bias=False, **sequence), L.Dense(2)), 0, ""
    yield "GRU of fixed length", sequential(L.GRU(3, **sequence), time=7), 0, ""
    yield "GRU, then LSTM", sequential(L.GRU(3, **sequence), L.Dense(4), L.LSTM(2, **sequence)), 0, ""
    yield "GRU with an embedding", sequential(L.Embedding(7, 4), L.GRU(5), L.Dense(7), dtype="int32"), 7, "last step"
    yield "GRU of one input", sequential(L.GRU(2, **sequence), inputs=1), 0, ""
    yield "GRU, reset before", sequential(L.GRU(5, reset_after=False, **sequence), L.Dense(2)), 0, "RESET_AFTER=TRUE"
    yield "GRU backwards", sequential(L.GRU(5, go_backwards=True, **sequence), L.Dense(2)), 0, "OPERATOR"
    yield "GRU, other activation", sequential(L.GRU(5, activation="relu", **sequence)), 0, "RESET_AFTER=TRUE"
    yield "bidirectional GRU", sequential(L.Bidirectional(L.GRU(5, **sequence)), L.Dense(2)), 0, "OPERATOR"
    yield "bidirectional LSTM", sequential(L.Bidirectional(L.LSTM(5, **sequence)), L.Dense(2)), 0, ""
    yield "bidirectional LSTM of one unit", sequential(L.Bidirectional(L.LSTM(1, **sequence)), L.Dense(2)), 0, ""
    yield "two bidirectional LSTMs", sequential(L.Bidirectional(L.LSTM(4, **sequence)),
                                                L.Bidirectional(L.LSTM(3, **sequence)), L.Dense(2)), 0, ""
    yield "embedding", sequential(L.Embedding(11, 4), L.LSTM(5, **sequence), L.Dense(11), dtype="int32"), 11, ""
    yield "bidirectional tagger", sequential(L.Embedding(9, 4), L.Bidirectional(L.LSTM(5, **sequence)),
                                             L.Dense(3, activation="sigmoid"), dtype="int32"), 9, ""


def main():
    try:
        import numpy
        import onnx
        import tensorflow as tf
        import tf2onnx
        import keras
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    try:
        import onnxruntime
    except ImportError:
        onnxruntime = None
    keras.utils.set_random_seed(1)
    rng = numpy.random.default_rng(1)
    program, failed, count = Program(sys.argv[1]), [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for name, model, vocabulary, wanted in models(keras):
            count += 1
            for weights in model.weights:  # Keras's biases start as zeros
                if weights.ndim == 1 or "bias" in weights.path:
                    weights.assign(rng.normal(size=weights.shape) / 2)
            B, T = 4, 7
            if vocabulary:
                x = rng.integers(0, vocabulary, (B, T)).astype("int32")
            else:
                x = rng.normal(size=(B, T, model.input_shape[-1])).astype("float32")
            y = numpy.asarray(model(x))
            every = numpy.asarray(all_steps(model, x)) if wanted == "last step" else y
            signature = (tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name="x"),)
            function = tf.function(lambda v: model(v, training=False), input_signature=signature)
            graph, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=15)
            path = folder / "keras.onnx"
            onnx.save(graph, str(path))
            try:
                if onnxruntime:
                    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
                    apart = abs(session.run(None, {"x": x})[0] - y).max()
                    assert apart <= BOUND, f"onnxruntime is {apart:.1e} apart"
                write_arrays(folder / "x.safetensors", {"x": numpy.ascontiguousarray(numpy.moveaxis(x, 0, 1))})
                try:
                    reply = program.run("run", path, folder / "x.safetensors", folder / "y.safetensors")
                except RuntimeError as e:
                    if wanted.isupper() and wanted in str(e).upper():
                        print(f"{name}: refused: {str(e).rsplit('error: ')[-1][:150]}")
                        continue
                    raise
                assert wanted in reply, f"the reply is {reply!r}, wanted {wanted!r}"
                got = numpy.moveaxis(read_array(folder / "y.safetensors", numpy), 0, 1)
                assert got.shape == every.shape, f"{got.shape}, wanted {every.shape}"
                apart = abs(got - every).max() / max(1, abs(every).max())
                assert apart <= BOUND, f"{apart:.1e} apart"
                print(f"{name}: {apart:.1e} apart")
            except Exception as e:  # noqa: BLE001: the other models go on
                failed.append(name)
                print(f"{name}: {e}; operators: {' '.join(sorted({n.op_type for n in graph.graph.node}))}")
    print(f"{count - len(failed)} of {count} models of Keras {keras.__version__} agree (tf2onnx {tf2onnx.__version__})")
    return 1 if failed else 0


def all_steps(model, x):
    """y of a model that returns the last step, for every step."""
    import keras
    for layer in model.layers:
        config = layer.get_config()
        if "return_sequences" in config:
            config["return_sequences"] = True
        again = type(layer).from_config(config)
        again.build(x.shape)
        again.set_weights(layer.get_weights())
        x = again(x)
    return keras.ops.convert_to_numpy(x)


if __name__ == "__main__":
    sys.exit(main())
