# SPDX-License-Identifier: MIT
"""PyTorch's side of bench_lstm: the same operations on the same shapes. Usage: torch_lstm.py THREADS, then worker.py's
protocol on stdin.

Equal work: inference keeps nothing for backward; forward_backward computes dx and every parameter's gradient; gradients
are set to None, which costs nothing and spares the backward pass an addition. In bf16 the model and its input are
torch.bfloat16 throughout (PyTorch's quickest way; Rondo keeps weights, states and gradients in fp32).
"""

import sys

import torch

import worker

VOCABULARY = 388


def make_lstm(a, dtype):
    return torch.nn.LSTM(a["C"], a["H"], a["L"]).to(dtype)


def inference(a, dtype):
    lstm = make_lstm(a, dtype)
    x = torch.randn(a["T"], a["B"], a["C"], dtype=dtype)

    @torch.inference_mode()
    def call():
        lstm(x)

    return call


def forward_backward(a, dtype):
    lstm = make_lstm(a, dtype)
    x = torch.randn(a["T"], a["B"], a["C"], dtype=dtype, requires_grad=True)
    dy = torch.randn(a["T"], a["B"], a["H"], dtype=dtype)

    def call():
        lstm.zero_grad(set_to_none=True)
        x.grad = None
        y, _ = lstm(x)
        y.backward(dy)

    return call


def step(a, dtype):
    assert a["L"] == 1
    cell = torch.nn.LSTMCell(a["C"], a["H"]).to(dtype)  # a quarter of what torch.nn.LSTM takes for one step
    x = torch.randn(a["B"], a["C"], dtype=dtype)
    state = tuple(torch.zeros(a["B"], a["H"], dtype=dtype) for _ in range(2))

    @torch.inference_mode()
    def call():
        nonlocal state
        state = cell(x, state)

    return call


class TokenModel(torch.nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, a["C"])
        self.lstm = torch.nn.LSTM(a["C"], a["H"], a["L"])
        self.output = torch.nn.Linear(a["H"], VOCABULARY)

    def forward(self, tokens):
        y, _ = self.lstm(self.embedding(tokens))
        return self.output(y)


def training_step(a, dtype):
    model = TokenModel(a).to(dtype)
    tokens, targets = torch.randint(VOCABULARY, (2, a["T"], a["B"]))
    adam = torch.optim.Adam(model.parameters(), fused=True)  # one pass; the quickest of PyTorch's three on a CPU

    def call():
        adam.zero_grad(set_to_none=True)
        logits = model(tokens).view(-1, VOCABULARY)
        torch.nn.functional.cross_entropy(logits, targets.view(-1)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()

    return call


OPERATIONS = {
    "lstm_inference": (inference, torch.float32),
    "lstm_inference_bf16": (inference, torch.bfloat16),
    "lstm_forward_backward": (forward_backward, torch.float32),
    "lstm_forward_backward_bf16": (forward_backward, torch.bfloat16),
    "lstm_step": (step, torch.float32),
    "training_step": (training_step, torch.float32),
    "training_step_bf16": (training_step, torch.bfloat16),
}


def make_call(operation, arguments):
    if operation not in OPERATIONS:
        return None
    make, dtype = OPERATIONS[operation]
    return make(arguments, dtype), {}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    worker.serve({"PyTorch": torch.__version__}, make_call)
