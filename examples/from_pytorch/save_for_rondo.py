# SPDX-License-Identifier: MIT
"""Saves a PyTorch module for Rondo: a safetensors file of its state dict with the order of its parts and a self-test."""
import json

import safetensors.torch
import torch


def save_for_rondo(path, module, order, x):
    """order: the submodules and activations as they run, e.g. "embedding, lstm, relu, fc".
    x: an input of one sequence, (T, 1, C) or tokens (T, 1); module(x) returns (T, 1, K)."""
    with torch.no_grad():
        y = module(x)
    numbers = lambda a: json.dumps(a.double().flatten().tolist())
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    safetensors.torch.save_file(tensors, path, metadata={
        "rondo.modules": order, "rondo.test_input": numbers(x), "rondo.test_output": numbers(y)})
