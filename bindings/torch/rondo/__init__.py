# SPDX-License-Identifier: MIT
"""Rondo's recurrent layers as modules of PyTorch."""

from .lstm import LSTM, release_memory

__all__ = ["LSTM", "release_memory"]
