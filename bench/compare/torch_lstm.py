# SPDX-License-Identifier: MIT
"""PyTorch's side of bench_lstm: the same operations at the same shapes. Cells that PyTorch lacks are written as a loop
over its operations. Usage: torch_lstm.py THREADS, then worker.py's protocol on stdin.

Equal work: inference saves nothing for backward; forward_backward computes dx and every parameter's gradient; gradients
are set to None, which costs nothing and saves the backward pass an addition. In bf16 the model and its input are
torch.bfloat16 (PyTorch's fastest option; Rondo keeps weights, states and gradients in fp32).
"""

import sys

import torch

import worker

VOCABULARY = 388


class WrittenLstm(torch.nn.Module):
    """One direction, with peepholes or layer norm, as a PyTorch user would write it: a loop over time, with W x and its
    norm computed for all steps at once."""

    def __init__(self, a, peepholes=False, layer_norm=False):
        super().__init__()
        self.H, self.L, self.peepholes, self.layer_norm = a["H"], a["L"], peepholes, layer_norm
        for l in range(self.L):
            inputs = a["C"] if l == 0 else self.H
            shapes = {"W": (4 * self.H, inputs), "R": (4 * self.H, self.H), "b": (4 * self.H,), "p": (3, self.H),
                      "norm_x": (4 * self.H,), "norm_h": (4 * self.H,), "norm_c": (self.H,), "shift_c": (self.H,)}
            for name, shape in shapes.items():
                if name.startswith(("norm", "shift")) and not layer_norm or name == "p" and not peepholes:
                    continue
                values = torch.empty(shape).uniform_(-self.H**-0.5, self.H**-0.5)
                self.register_parameter(f"{name}{l}", torch.nn.Parameter(values))

    def forward(self, x):
        F = torch.nn.functional
        for l in range(self.L):
            w = {name: getattr(self, f"{name}{l}", None) for name in
                 ("W", "R", "b", "p", "norm_x", "norm_h", "norm_c", "shift_c")}
            if self.layer_norm:
                z = F.layer_norm(F.linear(x, w["W"]), (4 * self.H,), w["norm_x"], w["b"])
            else:
                z = F.linear(x, w["W"], w["b"])
            h = c = x.new_zeros(x.shape[1], self.H)
            R, y = w["R"].t(), []
            for t in range(x.shape[0]):
                if self.layer_norm:
                    zt = z[t] + F.layer_norm(h @ R, (4 * self.H,), w["norm_h"])
                else:
                    zt = torch.addmm(z[t], h, R)
                i, f, g, o = zt.chunk(4, 1)
                if self.peepholes:
                    i, f = torch.addcmul(i, w["p"][0], c), torch.addcmul(f, w["p"][1], c)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                if self.peepholes:
                    o = torch.addcmul(o, w["p"][2], c)
                c_out = F.layer_norm(c, (self.H,), w["norm_c"], w["shift_c"]) if self.layer_norm else c
                h = torch.sigmoid(o) * torch.tanh(c_out)
                y.append(h)
            x = torch.stack(y)
        return x, None


NETWORKS = {
    "lstm": lambda a: torch.nn.LSTM(a["C"], a["H"], a["L"]),
    "lstm_bidirectional": lambda a: torch.nn.LSTM(a["C"], a["H"], a["L"], bidirectional=True),
    "lstm_projection": lambda a: torch.nn.LSTM(a["C"], a["H"], a["L"], proj_size=a["P"]),
    "lstm_peephole": lambda a: WrittenLstm(a, peepholes=True),
    "lstm_layer_norm": lambda a: WrittenLstm(a, layer_norm=True),
    "gru": lambda a: torch.nn.GRU(a["C"], a["H"], a["L"]),
}
CELLS = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}


def inference(network, a, dtype):
    network = NETWORKS[network](a).to(dtype)
    x = torch.randn(a["T"], a["B"], a["C"], dtype=dtype)

    @torch.inference_mode()
    def call():
        network(x)

    return call


def forward_backward(network, a, dtype):
    network = NETWORKS[network](a).to(dtype)
    x = torch.randn(a["T"], a["B"], a["C"], dtype=dtype, requires_grad=True)
    dy = torch.randn_like(network(x)[0])

    def call():
        network.zero_grad(set_to_none=True)
        x.grad = None
        y, _ = network(x)
        y.backward(dy)

    return call


def step(network, a, dtype):
    assert a["L"] == 1
    cell = CELLS[network](a["C"], a["H"]).to(dtype)  # takes a quarter of the time of torch.nn.LSTM for one step
    x = torch.randn(a["B"], a["C"], dtype=dtype)
    h = torch.zeros(a["B"], a["H"], dtype=dtype)
    state = (h, h.clone()) if network == "lstm" else h

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


def training_step(network, a, dtype):
    model = TokenModel(a).to(dtype)
    tokens, targets = torch.randint(VOCABULARY, (2, a["T"], a["B"]))
    adam = torch.optim.Adam(model.parameters(), fused=True)  # the fastest of PyTorch's three implementations on a CPU

    def call():
        adam.zero_grad(set_to_none=True)
        logits = model(tokens).view(-1, VOCABULARY)
        torch.nn.functional.cross_entropy(logits, targets.view(-1)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()

    return call


OPERATIONS = {"_inference": inference, "_forward_backward": forward_backward, "_step": step}


def make_call(operation, arguments):
    plain = operation.removesuffix("_bf16")
    dtype = torch.float32 if plain == operation else torch.bfloat16
    if plain == "training_step":
        return training_step("lstm", arguments, dtype), {}
    for suffix, make in OPERATIONS.items():
        network = plain.removesuffix(suffix)
        if network != plain and network in NETWORKS:
            return make(network, arguments, dtype), {}
    return None


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    worker.serve({"PyTorch": torch.__version__}, make_call)
