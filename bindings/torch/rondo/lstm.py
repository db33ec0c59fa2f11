# SPDX-License-Identifier: MIT
"""rondo.LSTM: torch.nn.LSTM with the passes of Rondo. Legend: C input features, H hidden units, P outputs (H without a
projection), B batch, T time steps, D directions."""

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from . import _extension

_kernels = None


def _passes():
    """The compiled passes: those of an installed package, otherwise compiled now."""
    global _kernels
    if _kernels is None:
        _kernels = _extension.load()
    return _kernels


def release_memory():
    """Frees activations of former passes, which are kept for the next ones: at most those of 16 layers."""
    _passes().release_memory()


class _Layer(torch.autograd.Function):
    """One layer in all its directions. `weights` holds weight_ih, weight_hh, bias (or None) and weight_hr (or None) of
    each direction."""

    @staticmethod
    def forward(ctx, x, h, c, lengths, precision, *weights):
        kernels = _passes()
        directions = len(weights) // 4
        x = x.contiguous()
        outputs = weights[1].shape[1]
        y = x.new_empty(x.shape[0], x.shape[1], directions * outputs)
        h_n, c_n = torch.empty_like(h), torch.empty_like(c)
        views, saved = [], []
        for d in range(directions):
            W, R, b, projection = weights[4 * d:4 * d + 4]
            views.append(kernels.Weights(W.t().contiguous(), R.t().contiguous(), None if b is None else b.contiguous(),
                                         None if projection is None else projection.t().contiguous()))
            p = kernels.Pass(x, y, d * outputs, views[d], lengths, d == 1, precision)
            saved.append(kernels.forward(p, h[d].contiguous(), c[d].contiguous(), h_n[d], c_n[d]))
        ctx.save_for_backward(x, y, *[w for w in weights if w is not None])  # changes in place are errors
        ctx.present = [w is not None for w in weights]
        ctx.views, ctx.saved, ctx.lengths, ctx.precision = views, saved, lengths, precision
        return y, h_n, c_n

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy, dh_n, dc_n):
        kernels = _passes()
        x, y, *tensors = ctx.saved_tensors
        tensors = iter(tensors)
        weights = [next(tensors) if present else None for present in ctx.present]
        dy = dy.contiguous()
        dh, dc = (d.clone(memory_format=torch.contiguous_format) for d in (dh_n, dc_n))  # replaced by those of h and c
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        gradients = []
        for d, (views, saved) in enumerate(zip(ctx.views, ctx.saved)):
            W, R, b, projection = weights[4 * d:4 * d + 4]
            dW, dR = x.new_zeros(W.shape[::-1]), x.new_zeros(R.shape[::-1])
            db = None if b is None else torch.zeros_like(b, memory_format=torch.contiguous_format)
            dprojection = None if projection is None else x.new_zeros(projection.shape[::-1])
            p = kernels.Pass(x, y, d * weights[1].shape[1], views, ctx.lengths, d == 1, ctx.precision)
            kernels.backward(p, saved, dy, dh[d], dc[d], kernels.Weights(dW, dR, db, dprojection), dx, d > 0)
            gradients += [dW.t(), dR.t(), db, None if dprojection is None else dprojection.t()]
        return dx, dh, dc, None, None, *gradients


class LSTM(torch.nn.LSTM):
    """torch.nn.LSTM: the same arguments, parameters, state dict and results up to rounding.

    precision: the type to which the operands of matrix products are rounded: "fp32" or "bf16"; on CUDA also "tf32" or
    "fp16". Inputs and outputs are float32 (or float64, which ignores it). Second derivatives are not available.
    """

    def __init__(self, *args, precision="fp32", **kwargs):
        super().__init__(*args, **kwargs)
        if precision not in ("fp32", "bf16", "tf32", "fp16"):
            raise ValueError(f"rondo.LSTM: precision is {precision!r}, wanted fp32, bf16, tf32 or fp16")
        self.precision = precision

    def extra_repr(self):
        return super().extra_repr() + ("" if self.precision == "fp32" else f", precision={self.precision!r}")

    def _layer_weights(self, layer):
        weights = []
        for suffix in ("", "_reverse")[:2 if self.bidirectional else 1]:
            def of(kind):
                return getattr(self, f"{kind}_l{layer}{suffix}")
            weights += [of("weight_ih"), of("weight_hh"), of("bias_ih") + of("bias_hh") if self.bias else None,
                        of("weight_hr") if self.proj_size > 0 else None]
        return weights

    def forward(self, input, hx=None):
        packed = isinstance(input, PackedSequence)
        lengths, batched = [], True
        if packed:
            x, step_counts = pad_packed_sequence(input)  # T x B x C, in the order of the caller
            lengths = step_counts.tolist()
        else:
            if input.dim() not in (2, 3):
                raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
            batched = input.dim() == 3
            x = input if batched else input.unsqueeze(1)
            if self.batch_first and batched:
                x = x.transpose(0, 1)
        if x.shape[-1] != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, "
                               f"got {x.shape[-1]}")
        directions = 2 if self.bidirectional else 1
        outputs = self.proj_size or self.hidden_size
        if hx is None:
            shape = (self.num_layers * directions, x.shape[1])
            h, c = x.new_zeros(*shape, outputs), x.new_zeros(*shape, self.hidden_size)
        else:
            h, c = hx if batched else (s.unsqueeze(1) for s in hx)
            self.check_hidden_size(h, (self.num_layers * directions, x.shape[1], outputs),
                                   "Expected hidden[0] size {}, got {}")
            self.check_hidden_size(c, (self.num_layers * directions, x.shape[1], self.hidden_size),
                                   "Expected hidden[1] size {}, got {}")
        h_n, c_n = [], []
        for layer in range(self.num_layers):
            rows = slice(directions * layer, directions * (layer + 1))
            x, h_layer, c_layer = _Layer.apply(x, h[rows], c[rows], lengths, self.precision, *self._layer_weights(layer))
            h_n.append(h_layer), c_n.append(c_layer)
            if self.dropout > 0 and self.training and layer + 1 < self.num_layers:
                x = torch.nn.functional.dropout(x, self.dropout)
        h_n, c_n = torch.cat(h_n), torch.cat(c_n)
        if packed:
            order = input.sorted_indices
            sorted_x = x if order is None else x.index_select(1, order)
            sorted_lengths = step_counts if order is None else step_counts[order.to(step_counts.device)]
            data = pack_padded_sequence(sorted_x, sorted_lengths).data
            return PackedSequence(data, input.batch_sizes, input.sorted_indices, input.unsorted_indices), (h_n, c_n)
        if not batched:
            return x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
        return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)
