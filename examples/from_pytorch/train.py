# SPDX-License-Identifier: MIT
"""Trains a small bidirectional tagger in PyTorch and saves it for Rondo: python3 train.py tagger.safetensors

The task: in a sequence of digits, mark each digit that equals the one before or the one after. One direction alone sees
only one of the two.
"""
import sys

import torch

from save_for_rondo import save_for_rondo


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 16)
        self.lstm = torch.nn.LSTM(16, 24, bidirectional=True)
        self.fc = torch.nn.Linear(48, 2)

    def forward(self, digits):  # (T, B)
        return self.fc(self.lstm(self.embedding(digits))[0])


def batch(time, size):
    digits = torch.randint(10, (time, size))
    repeat = torch.rand(time, size) < 0.3
    for t in range(1, time):
        digits[t] = torch.where(repeat[t], digits[t - 1], digits[t])
    same = digits[1:] == digits[:-1]
    edge = torch.zeros(1, size, dtype=torch.bool)
    return digits, (torch.cat([edge, same]) | torch.cat([same, edge])).long()


def main():
    torch.manual_seed(1)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(200):
        digits, tags = batch(30, 32)
        logits = model(digits)
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 2), tags.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 49:
            accuracy = (logits.argmax(-1) == tags).float().mean().item()
            print(f"step {step + 1}: loss {loss.item():.4f}, accuracy {accuracy:.3f}")
    save_for_rondo(sys.argv[1], model, "embedding, lstm, fc", batch(30, 1)[0])


main()
