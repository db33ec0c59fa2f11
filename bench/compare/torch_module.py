# SPDX-License-Identifier: MIT
"""Times rondo.LSTM (bindings/torch) beside torch.nn.LSTM in one process, on the CPU: training (forward and backward) and
inference. The modules take turns; times are medians in ms, the ratio is PyTorch's time divided by Rondo's.

Usage: torch_module.py [--threads N] [--rounds N] [--shapes TxBxH,...] [--precision bf16]
"""

import argparse
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bindings" / "torch"))
import rondo  # noqa: E402


def train(module, x):
    x.grad = None
    module.zero_grad()
    module(x)[0].sum().backward()


@torch.no_grad()
def infer(module, x):
    module(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shapes", default="100x1x256,100x16x256,100x64x256,100x64x512")
    parser.add_argument("--precision", default="fp32")
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    print(f"PyTorch {torch.__version__}, {o.threads} threads, {o.precision}")
    print("| T x B x H | pass | torch.nn.LSTM | rondo.LSTM | ratio |\n|---|---|---|---|---|")
    for shape in o.shapes.split(","):
        T, B, H = map(int, shape.split("x"))
        theirs, ours = torch.nn.LSTM(H, H), rondo.LSTM(H, H, precision=o.precision)
        ours.load_state_dict(theirs.state_dict())
        x = torch.randn(T, B, H, requires_grad=True)
        for name, run in (("forward, backward", train), ("inference", infer)):
            times = {theirs: [], ours: []}
            for _ in range(o.rounds + 1):
                for module, list_ in times.items():
                    start = time.perf_counter()
                    run(module, x)
                    list_.append(1e3 * (time.perf_counter() - start))
            a, b = (statistics.median(times[m][1:]) for m in (theirs, ours))
            print(f"| {shape} | {name} | {a:.1f} | {b:.1f} | {a / b:.2f} |", flush=True)


if __name__ == "__main__":
    main()
