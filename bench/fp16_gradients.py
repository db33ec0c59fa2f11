# SPDX-License-Identifier: MIT
"""How much of an LSTM's gradient an fp16 backward pass loses, with and without loss scaling, beside bf16.

Usage: fp16_gradients.py [--steps N] [--runs TEXT]. Trains a character model of the bundled scores on the CPU with operands rounded as
on a GPU, from the same weights and batches in every format: two layers of 128 units, 16 sequences of 128 steps, mean
loss, Adam. Requires PyTorch. docs/08-numerics.md has the results.
"""

import argparse
import math
import pathlib

import torch

SCORES = pathlib.Path(__file__).parents[1] / "examples" / "piano" / "scores"
H, B, T, LAYERS = 128, 16, 128, 2
FP16_ZERO, FP16_NORMAL = 2.0**-25, 2.0**-14  # rounds to zero below the first, loses bits below the second

ROUND = {"fp32": lambda a: a, "fp16": lambda a: a.half().float(), "bf16": lambda a: a.bfloat16().float()}
# name: (format of forward operands, of backward operands, loss scale)
RUNS = {"fp32": ("fp32", "fp32", 1), "fp16, backward bf16": ("fp16", "bf16", 1), "fp16": ("fp16", "fp16", 1),
        "fp16, loss times 2^12": ("fp16", "fp16", 2.0**12),
        "fp16, loss / 32, as of a batch of 65 536 steps": ("fp16", "fp16", 2.0**-5),
        "the same, backward bf16": ("fp16", "bf16", 2.0**-5)}


class Layer:
    """h(t), c(t) from x (T x B x C); weights in PyTorch's order of gates."""

    def __init__(self, inputs, generator):
        def uniform(*shape):
            return (torch.rand(*shape, generator=generator) * 2 - 1) / math.sqrt(H)

        self.weights = [uniform(4 * H, inputs), uniform(4 * H, H), torch.zeros(4 * H)]

    def forward(self, x, rounded):
        W, R, b = self.weights
        z = rounded(x) @ rounded(W).t() + b
        R, h, c = rounded(R), torch.zeros(B, H), torch.zeros(B, H)
        self.saved = []
        for t in range(T):
            i, f, g, o = (z[t] + rounded(h) @ R.t()).chunk(4, 1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            before, c = (h, c), f * c + i * g
            h = o * c.tanh()
            self.saved.append((i, f, g, o, c.tanh(), *before, h))
        self.x = x
        return torch.stack([s[-1] for s in self.saved])

    def backward(self, dy, rounded):
        """Returns dx, the gradients of the weights, and dz before it is rounded."""
        W, R, _ = self.weights
        R, dh, dc = rounded(R), torch.zeros(B, H), torch.zeros(B, H)
        dz = torch.empty(T, B, 4 * H)
        for t in reversed(range(T)):
            i, f, g, o, tanh_c, _, c_before, _ = self.saved[t]
            dh = dh + dy[t]
            dc = dc + dh * o * (1 - tanh_c**2)
            dz[t] = torch.cat([dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g**2),
                               dh * tanh_c * o * (1 - o)], 1)
            dc = dc * f
            dh = rounded(dz[t]) @ R
        low = rounded(dz).flatten(0, 1)
        h_before = torch.stack([s[5] for s in self.saved]).flatten(0, 1)
        gradients = [low.t() @ rounded(self.x).flatten(0, 1), low.t() @ rounded(h_before), low.sum(0)]
        return low.view(T, B, -1) @ rounded(W), gradients, dz


class Model:
    def __init__(self, vocabulary, generator):
        self.layers = [Layer(vocabulary if l == 0 else H, generator) for l in range(LAYERS)]
        self.output = (torch.rand(vocabulary, H, generator=generator) * 2 - 1) / math.sqrt(H)

    def weights(self):
        return [w for layer in self.layers for w in layer.weights] + [self.output]

    def gradients(self, x, targets, run):
        """Loss, gradients in the order of weights(), all dz."""
        forward, backward, scale = ROUND[run[0]], ROUND[run[1]], run[2]
        for layer in self.layers:
            x = layer.forward(x, forward)
        logits = x @ self.output.t()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        d = logits.softmax(-1)
        d.scatter_add_(2, targets.unsqueeze(2), -torch.ones(T, B, 1))
        d = d / (B * T) * scale
        gradients, all_dz = [d.flatten(0, 1).t() @ x.flatten(0, 1)], []
        dy = d @ self.output
        for layer in reversed(self.layers):
            dy, of_layer, dz = layer.backward(dy, backward)
            gradients, all_dz = of_layer + gradients, all_dz + [dz]
        return loss.item(), [g / scale for g in gradients], torch.cat([dz.flatten() for dz in all_dz])


def batches(steps):
    text = "".join(path.read_text() for path in sorted(SCORES.glob("*.abc")))
    alphabet = {c: n for n, c in enumerate(sorted(set(text)))}
    ids = torch.tensor([alphabet[c] for c in text])
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        first = torch.randint(len(ids) - T - 1, (B,), generator=generator)
        window = torch.stack([ids[f:f + T + 1] for f in first], 1)
        yield torch.nn.functional.one_hot(window[:-1], len(alphabet)).float(), window[1:], len(alphabet)


def difference(a, b):
    a, b = torch.cat([g.flatten() for g in a]), torch.cat([g.flatten() for g in b])
    return ((a - b).norm() / b.norm()).item()


def train(run, steps):
    model, losses = None, []
    for step, (x, targets, vocabulary) in enumerate(batches(steps)):
        if model is None:
            model = Model(vocabulary, torch.Generator().manual_seed(1))
            adam = torch.optim.Adam(model.weights(), lr=3e-3)
        loss, gradients, dz = model.gradients(x, targets, run)
        losses.append(loss)
        if step in (0, steps - 1):
            exact, size = model.gradients(x, targets, RUNS["fp32"])[1], dz[dz != 0].abs()
            print(f"  step {step}: largest |dz| {size.max():.1e}, median {size.median():.1e}; zero in fp16 "
                  f"{(size < FP16_ZERO).float().mean():.2%}, subnormal {(size < FP16_NORMAL).float().mean():.2%}; "
                  f"gradients differ from fp32's by {difference(gradients, exact):.1e}", flush=True)
        for w, g in zip(model.weights(), gradients):
            w.grad = g
        adam.step()
    print(f"  loss {losses[0]:.4f}, mean of the last 50 steps {sum(losses[-50:]) / 50:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--runs", default="", help="only those whose names contain this text")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    for name, run in RUNS.items():
        if options.runs in name:
            print(name, flush=True)
            train(run, options.steps)


if __name__ == "__main__":
    main()
