# SPDX-License-Identifier: MIT
"""torch.nn.LSTM on a GPU (cuDNN), at the shapes of bench_cuda and timed like it: events in the stream, calls enqueued
without synchronisation, medians. Usage: see --help. cuda_report.py compares the two.

Equal work: the training forward pass saves activations; backward computes dx and every parameter's gradient; gradients
are set to None before. In bf16 and fp16 the model, its input and its output have that type, with less memory traffic
than Rondo's floats.
"""

import argparse
import json
import statistics
import sys
import time

import torch

# name: (type, whether fp32 may be TF32)
PRECISIONS = {"fp32": (torch.float32, False), "tf32": (torch.float32, True), "bf16": (torch.bfloat16, False),
              "fp16": (torch.float16, False)}

# (B, H, L) at T = 1024, the most important first: those of bench_cuda.
SIZES = [(B, H, 1) for H in (768, 512, 1024, 256) for B in (16, 64, 1)]
SIZES += [(16, 512, 3), (64, 256, 2)]
SIZES += [(B, H, 1) for H in (128, 64) for B in (16, 64, 1)]
QUICK_SIZES = [(16, 768, 1), (16, 256, 1), (64, 1024, 1), (1, 512, 1)]


def parse_shape(text):
    """(T, B, H, L) from "1024x16x768" or "1024x16x768x2"."""
    numbers = [int(part) for part in text.split("x")]
    if not 3 <= len(numbers) <= 4 or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"invalid shape {text}, wanted TxBxH or TxBxHxL")
    return *numbers[:3], numbers[3] if len(numbers) > 3 else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", required=True, help="file to append a line of JSON to for each shape and precision")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: test this script without a GPU")
    parser.add_argument("--quick", action="store_true", help="fewer shapes, precisions and runs")
    parser.add_argument("--shapes", type=lambda text: [parse_shape(s) for s in text.split(",")], help="TxBxH[xL],...")
    parser.add_argument("--precisions", type=lambda text: text.split(","), help=f"of {', '.join(PRECISIONS)}")
    parser.add_argument("--seconds", type=float, default=0, help="start no measurement after this time; 0: no limit")
    options = parser.parse_args()
    if options.shapes is None:
        options.shapes = list(dict.fromkeys((1024, *size) for size in (QUICK_SIZES if options.quick else SIZES)))
    options.shapes = list(dict.fromkeys(options.shapes))
    if options.precisions is None:
        options.precisions = ["fp32", "bf16", "fp16"] if options.quick else list(PRECISIONS)
    if unknown := set(options.precisions) - set(PRECISIONS):
        parser.error(f"unknown precisions: {', '.join(sorted(unknown))}")
    return options


class CudaClock:
    """An event in the stream."""

    def __init__(self):
        self.event = torch.cuda.Event(enable_timing=True)
        self.event.record()

    def until(self, later):
        return self.event.elapsed_time(later.event) * 1e-3

    wait = staticmethod(torch.cuda.synchronize)


class WallClock:
    """The same on the CPU, to test this script."""

    def __init__(self):
        self.now = time.perf_counter()

    def until(self, later):
        return later.now - self.now

    @staticmethod
    def wait():
        pass


def time_parts(clock, parts, quick):
    """[{"median", "least"} in seconds for each part..., and for the whole], like bench_cuda's time_parts."""
    def run(times):
        marks = [clock()]
        for _ in range(times):
            for part in parts:
                part()
                marks.append(clock())
        clock.wait()
        return marks

    marks = run(2)
    least, most, seconds = (5, 30, 0.05) if quick else (7, 100, 0.15)
    last = max(marks[-1 - len(parts)].until(marks[-1]), 1e-9)
    marks = run(int(min(max(seconds / last, least), most)))
    starts = range(0, len(marks) - 1, len(parts))
    spans = [[marks[i + p].until(marks[i + p + 1]) for i in starts] for p in range(len(parts))]
    spans.append([marks[i].until(marks[i + len(parts)]) for i in starts])
    return [{"median": statistics.median(span), "least": min(span)} for span in spans]


def measure(clock, device, shape, precision, quick):
    T, B, H, L = shape
    dtype, tf32 = PRECISIONS[precision]
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    lstm = torch.nn.LSTM(H, H, L).to(device=device, dtype=dtype)
    lstm.flatten_parameters()
    x = (torch.rand(T, B, H, device=device) * 2 - 1).to(dtype).requires_grad_()
    dy = (torch.rand(T, B, H, device=device) * 2 - 1).to(dtype)
    y = None

    def forward():
        nonlocal y
        y, _ = lstm(x)

    def backward():
        nonlocal y
        lstm.zero_grad(set_to_none=True)
        x.grad = None
        y.backward(dy)
        y = None

    lstm.train()
    (training, _) = time_parts(clock, [forward], quick)
    _, back, both = time_parts(clock, [forward, backward], quick)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in [x, *lstm.parameters()])
    lstm.eval()
    with torch.no_grad():
        (inference, _) = time_parts(clock, [forward], quick)
    assert y.isfinite().all()
    us = 1e6 / T
    return {"forward_us": training["median"] * us, "forward_us_min": training["least"] * us,
            "backward_us": back["median"] * us, "forward_backward_us": both["median"] * us,
            "forward_backward_us_min": both["least"] * us, "inference_us": inference["median"] * us}


def main():
    options = arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("torch_cuda_lstm.py: PyTorch finds no GPU; --device cpu tests the script without one", file=sys.stderr)
        return 1
    clock = CudaClock if options.device == "cuda" else WallClock
    start = time.monotonic()
    with open(options.json, "a") as out:
        def write(**line):
            print(json.dumps(line), file=out, flush=True)

        name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
        write(side="torch", device=name, torch=torch.__version__, cuda=torch.version.cuda,
              cudnn=torch.backends.cudnn.version())
        for shape in options.shapes:
            T, B, H, L = shape
            for precision in options.precisions:
                if options.seconds and time.monotonic() - start > options.seconds:
                    print("time limit reached: the remaining shapes are skipped", flush=True)
                    return 0
                times = measure(clock, options.device, shape, precision, options.quick)
                write(side="cudnn", precision=precision, T=T, B=B, C=H, H=H, L=L, **times)
                print(f"T {T}, B {B}, H {H}, L {L}, {precision}: forward {times['forward_us']:.3f} µs/step, "
                      f"without gradients {times['inference_us']:.3f}, "
                      f"forward + backward {times['forward_backward_us']:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
