#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains the tagger of examples/from_pytorch in PyTorch and runs it in C++: from_pytorch.py PROGRAM

Exit status: 0 it works, 1 it does not, 77 this Python has no torch or safetensors.
"""
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile

if not all(importlib.util.find_spec(name) for name in ("torch", "safetensors")):
    print("skipped: no torch or safetensors")
    sys.exit(77)

program = pathlib.Path(sys.argv[1]).resolve()
script = pathlib.Path(__file__).resolve().parents[2] / "examples" / "from_pytorch" / "train.py"
with tempfile.TemporaryDirectory() as folder:
    model = pathlib.Path(folder) / "tagger.safetensors"
    subprocess.run([sys.executable, str(script), str(model)], check=True)
    text = subprocess.run([str(program), str(model)], check=True, capture_output=True, text=True).stdout
    print(text)
    difference = float(re.search(r"difference to PyTorch (\S+)", text)[1])
    accuracy = float(re.search(r"accuracy on random digits: (\S+)", text)[1])
    marks = subprocess.run([str(program), str(model), "1123344567"], check=True, capture_output=True, text=True).stdout
    print(marks)
sys.exit(0 if 0 < difference < 1e-5 and accuracy > 0.98 and marks.splitlines()[-1].rstrip() == "^^ ^^^^" else 1)
