#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the golden files of tests/layers/golden.cpp: results of PyTorch in double, on one thread.

    python3 tests/golden/make_golden.py        (made with torch 2.15.0; any version agrees to rounding)

A file is a list of tensors: a line `name count`, then the values in PyTorch's memory order, in the shortest decimal
form that is bit-identical when read.
"""

import pathlib

import torch

FOLDER = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Golden:
    def __init__(self, name):
        self.path = FOLDER / f"{name}.txt"
        self.lines = [f"# PyTorch {torch.__version__.split('+')[0]}, float64; made by make_golden.py"]

    def add(self, name, tensor):
        values = torch.as_tensor(tensor).detach().contiguous().flatten().tolist()
        self.lines += [f"{name} {len(values)}", " ".join(repr(v) for v in values)]

    def write(self):
        self.path.write_text("\n".join(self.lines) + "\n")


def randomise(module):
    """Random weights and biases, with no gate near its value at zero."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)


def put_lstm(golden, lstm):
    """PyTorch's two biases are only used as their sum, and have the same gradient: that of Rondo's one bias."""
    for layer in range(lstm.num_layers):
        W, R = getattr(lstm, f"weight_ih_l{layer}"), getattr(lstm, f"weight_hh_l{layer}")
        b, b2 = getattr(lstm, f"bias_ih_l{layer}"), getattr(lstm, f"bias_hh_l{layer}")
        assert torch.allclose(b.grad, b2.grad, rtol=1e-12)
        for name, value, grad in [("W", W, W.grad), ("R", R, R.grad), ("b", b + b2, b.grad)]:
            golden.add(f"{name}{layer}", value)
            golden.add(f"d{name}{layer}", grad)


def lstm_case(name, lengths=None):
    """Two layers from a non-zero state; the loss depends on every output and on the final state."""
    torch.manual_seed(20)
    C, H, L, B, T = 3, 4, 2, 3, 5
    lstm = torch.nn.LSTM(C, H, L)
    randomise(lstm)
    x = torch.randn(T, B, C, requires_grad=True)
    h0 = torch.empty(L, B, H).uniform_(-0.9, 0.9).requires_grad_()
    c0 = torch.randn(L, B, H, requires_grad=True)
    dy, dh, dc = torch.randn(T, B, H), torch.randn(L, B, H), torch.randn(L, B, H)
    if lengths is None:
        y, (h, c) = lstm(x, (h0, c0))
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        packed, (h, c) = lstm(packed, (h0, c0))
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, total_length=T)
    loss = (y * dy).sum() + (h * dh).sum() + (c * dc).sum()
    loss.backward()

    golden = Golden(name)
    put_lstm(golden, lstm)
    golden.add("lengths", torch.tensor(lengths if lengths else [T] * B).double())
    for key, tensor in dict(x=x, h0=h0, c0=c0, dy=dy, dh=dh, dc=dc, y=y, h=h, c=c, dx=x.grad, dh0=h0.grad,
                            dc0=c0.grad).items():
        golden.add(key, tensor)
    golden.write()


def layers_case():
    """Linear, embedding and both losses."""
    torch.manual_seed(21)
    golden = Golden("layers")
    C, K, B, T, V, D = 4, 3, 2, 5, 6, 3

    linear = torch.nn.Linear(C, K)
    randomise(linear)
    x, dy = torch.randn(T, B, C, requires_grad=True), torch.randn(T, B, K)
    y = linear(x)
    (y * dy).sum().backward()
    for key, tensor in dict(W=linear.weight, b=linear.bias, x=x, dy=dy, y=y, dW=linear.weight.grad, db=linear.bias.grad,
                            dx=x.grad).items():
        golden.add("linear." + key, tensor)

    embedding = torch.nn.Embedding(V, D)
    tokens, dy = torch.randint(V, (T, B)), torch.randn(T, B, D)
    y = embedding(tokens)
    (y * dy).sum().backward()
    for key, tensor in dict(E=embedding.weight, tokens=tokens.double(), dy=dy, y=y, dE=embedding.weight.grad).items():
        golden.add("embedding." + key, tensor)

    logits = (3 * torch.randn(T, B, V)).requires_grad_()
    targets = torch.randint(V, (T, B))
    targets[1, 0] = targets[3, 1] = -1
    loss = torch.nn.functional.cross_entropy(logits.view(T * B, V), targets.view(-1), ignore_index=-1)
    loss.backward()
    for key, tensor in dict(logits=logits, targets=targets.double(), loss=loss, d_logits=logits.grad).items():
        golden.add("softmax." + key, tensor)

    logits = (3 * torch.randn(T, B, V)).requires_grad_()
    targets = torch.randint(2, (T, B, V)).double()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / (T * B)
    loss.backward()
    for key, tensor in dict(logits=logits, targets=targets, loss=loss, d_logits=logits.grad).items():
        golden.add("bernoulli." + key, tensor)
    golden.write()


def training_case():
    """Ten steps of a small token model: AdamW, clip at a norm that some steps exceed, the state carried over.

    The tokens increase by one to three, modulo V, so that the model can learn.
    bias_hh stays at zero: two biases would change twice as fast as one. Weight decay does not apply to biases.
    """
    torch.manual_seed(22)
    V, D, H, L, B, T, steps = 11, 5, 6, 2, 4, 7, 10
    embedding, lstm, output = torch.nn.Embedding(V, D), torch.nn.LSTM(D, H, L), torch.nn.Linear(H, V)
    for layer in range(L):
        bias = getattr(lstm, f"bias_hh_l{layer}")
        torch.nn.init.zeros_(bias)
        bias.requires_grad_(False)
    weights = [embedding.weight, output.weight] + [p for n, p in lstm.named_parameters() if "weight" in n]
    biases = [output.bias] + [p for n, p in lstm.named_parameters() if "bias_ih" in n]

    golden = Golden("training")
    golden.add("embedding.weight", embedding.weight)
    for name, parameter in lstm.named_parameters():
        if "bias_hh" not in name:
            golden.add("lstm." + name, parameter)
    golden.add("output.weight", output.weight)
    golden.add("output.bias", output.bias)

    adam = torch.optim.AdamW([{"params": weights, "weight_decay": 0.05}, {"params": biases, "weight_decay": 0.0}], lr=0.05)
    state = (torch.zeros(L, B, H), torch.zeros(L, B, H))
    tokens = torch.randint(1, 4, (steps * T + 1, B)).cumsum(0) % V
    losses, norms = [], []
    for step in range(steps):
        window = tokens[step * T : (step + 1) * T + 1]
        y, state = lstm(embedding(window[:-1]), state)
        state = tuple(s.detach() for s in state)
        loss = torch.nn.functional.cross_entropy(output(y).view(T * B, V), window[1:].reshape(-1))
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in weights + biases])
        for parameter in weights + biases:  # clip_grad_norm_ would divide by norm + 1e-6
            parameter.grad *= min(1.0, 0.15 / norm)
        norms.append(norm)
        adam.step()
        losses.append(loss)
    golden.add("tokens", tokens.double())
    golden.add("losses", torch.stack(losses))
    golden.add("norms", torch.stack(norms))
    golden.add("embedding.weight.after", embedding.weight)
    golden.add("lstm.weight_hh_l1.after", lstm.weight_hh_l1)
    golden.add("output.bias.after", output.bias)
    golden.write()


lstm_case("lstm")
lstm_case("lstm_ragged", lengths=[3, 5, 1])
layers_case()
training_case()
