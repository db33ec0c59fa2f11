#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks one term of the LSTM at a time and demands that the tests notice.

    python3 tests/mutate_equations.py [--compiler g++] [--eigen /usr/include/eigen3]

A copy of include/ is made in which every line that shall break asks a number, RONDO_MUTANT of the environment, whether
to be itself; against it the LSTM's gradient and forward tests are compiled once and run once a mutant. Exit status 0 if
every mutant is killed. By hand only, after a change of the equations or of the tests.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
EQUATIONS = "math/lstm_equations.inl"
PASS = "cpu/lstm_plain.hpp"

# (file, what stands there, what the mutant says): whole statements, or expressions of one type
MUTANTS = [
    (EQUATIONS, "i = sigmoid(i);", "i = sigmoid(-i);"),
    (EQUATIONS, "i = sigmoid(i);", "i = sigmoid(f);"),
    (EQUATIONS, "i = sigmoid(i);", "i = tanh(i);"),
    (EQUATIONS, "f = sigmoid(f);", "f = sigmoid(-f);"),
    (EQUATIONS, "f = sigmoid(f);", "f = tanh(f);"),
    (EQUATIONS, "g = tanh(g);", "g = sigmoid(g);"),
    (EQUATIONS, "g = tanh(g);", ""),
    (EQUATIONS, "o = sigmoid(o);", "o = tanh(o);"),
    (EQUATIONS, "o = sigmoid(o);", ""),
    (EQUATIONS, "c = f * c_before + i * g;", "c = c_before + i * g;"),
    (EQUATIONS, "c = f * c_before + i * g;", "c = f * c_before + g;"),
    (EQUATIONS, "c = f * c_before + i * g;", "c = f * c_before - i * g;"),
    (EQUATIONS, "c = f * c_before + i * g;", "c = i * g;"),
    (EQUATIONS, "c = f * c_before + i * g;", "c = i * c_before + f * g;"),
    (EQUATIONS, "tanh_c = tanh(c);", "tanh_c = c;"),
    (EQUATIONS, "h = o * tanh_c;", "h = tanh_c;"),
    (EQUATIONS, "h = o * tanh_c;", "h = o * c;"),
    (EQUATIONS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * o * (1 - o);"),
    (EQUATIONS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * tanh_c * (1 - o);"),
    (EQUATIONS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * tanh_c * o;"),
    (EQUATIONS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = -dh * tanh_c * o * (1 - o);"),
    (EQUATIONS, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dh * o * (1 - tanh_c * tanh_c);"),
    (EQUATIONS, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dc + dh * (1 - tanh_c * tanh_c);"),
    (EQUATIONS, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dc + dh * o * (1 - tanh_c);"),
    (EQUATIONS, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dc + dh * o;"),
    (EQUATIONS, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", ""),
    (EQUATIONS, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * i * (1 - i);"),
    (EQUATIONS, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * g * (1 - i);"),
    (EQUATIONS, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * g * i;"),
    (EQUATIONS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * f * (1 - f);"),
    (EQUATIONS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * tanh_c * f * (1 - f);"),
    (EQUATIONS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * c_before * (1 - f);"),
    (EQUATIONS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * c_before * f;"),
    (EQUATIONS, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * (1 - g * g);"),
    (EQUATIONS, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * i;"),
    (EQUATIONS, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * i * g * (1 - g);"),
    (EQUATIONS, "dc = dc * f;", ""),
    (EQUATIONS, "dc = dc * f;", "dc = dc * i;"),
    (PASS, "set_columns(cpu, Z, w.b);", "fill(cpu, Z, Scalar(0));"),
    (PASS, "gemm(cpu, Op::none, Op::none, w.W, x.flat().columns(first, count), Z);", ""),
    (PASS, "gemm(cpu, R, cache.h_before(t).columns(0, n), z);", ""),
    (PASS, "pack(cpu, Op::none, w.R, R);", "pack(cpu, Op::none, w.W, R);"),
    (PASS, "cache.h_before(t).columns(0, n)", "cache.h0.at(0).columns(0, n)"),
    (PASS, "cache.c_before(t)", "MatrixView<const Scalar>(cache.c0.at(0))"),
    (PASS, "detail::column_of(y.at(t), b).setZero();", ""),
    (PASS, "end > 0 ? cache.y.at(end - 1) : cache.h0.at(0)", "cache.y.at(cache.y.time() - 1)"),
    (PASS, "end > 0 ? cache.c.at(end - 1) : cache.c0.at(0)", "cache.c.at(cache.c.time() - 1)"),
    (PASS, "dh_b = detail::column_of(dh_end, b);", "dh_b.setZero();"),
    (PASS, "dc_b = detail::column_of(dc_end, b);", "dc_b.setZero();"),
    (PASS, "detail::column_of(dh_total, b) = detail::column_of(dy.at(t), b) + dh_b;",
     "detail::column_of(dh_total, b) = detail::column_of(dy.at(t), b);"),
    (PASS, "detail::column_of(dh_total, b) = detail::column_of(dy.at(t), b) + dh_b;",
     "detail::column_of(dh_total, b) = dh_b;"),
    (PASS, "saved.c_before(t)", "saved.c.at(t)"),
    (PASS, "gemm(cpu, work.R_transposed, dz, dh.columns(0, n));", ""),
    (PASS, "pack(cpu, Op::transpose, w.R, work.R_transposed);", "pack(cpu, Op::transpose, w.W, work.R_transposed);"),
    (PASS, "fill(cpu, dh.columns(0, n), Scalar(0));", ""),
    (PASS, "detail::column_of(dh_end, b) = detail::column_of(dh, b);", ""),
    (PASS, "detail::column_of(dc_end, b) = detail::column_of(dc, b);", ""),
    (PASS, "gemm(cpu, Op::none, Op::transpose, dZ, x.flat().columns(first, count), grad.W);", ""),
    (PASS, "add_columns(cpu, dZ, grad.b);", ""),
    (PASS, "if (dx) gemm(cpu, Op::transpose, Op::none, w.W, dZ, dx->flat().columns(first, count));", ""),
    (PASS, "saved.h0.at(0).columns(first, at_start)", "saved.y.at(0).columns(first, at_start)"),
    (PASS, "at_start > 0", "false"),
    (PASS, "count > at_start", "false"),
    (PASS, "saved.y.flat().columns(first + at_start - B, count - at_start)",
     "saved.y.flat().columns(first + at_start, count - at_start)"),
]

TESTS = ["layers/lstm_gradients.cpp", "layers/lstm_forward.cpp"]

SWITCH = """#include <cstdlib>
inline const int rondo_mutant = std::getenv("RONDO_MUTANT") ? std::atoi(std::getenv("RONDO_MUTANT")) : 0;
"""


def with_switches(include):
    """Rewrites the copied headers. Mutant n is the n-th of MUTANTS, from 1; 0 is the library itself."""
    lines = {}
    for number, (file, before, after) in enumerate(MUTANTS, start=1):
        lines.setdefault((file, before), []).append((number, after))
    for (file, before), mutants in lines.items():
        path = include / "rondo" / file
        text = path.read_text()
        if text.count(before) != 1:
            sys.exit(f"{file}: `{before}` stands there {text.count(before)} times; this script has fallen behind")
        switched = before if before.endswith(";") else f"({before})"
        for number, after in mutants:
            if before.endswith(";"):
                switched = f"if (rondo_mutant == {number}) {{ {after} }} else {{ {switched} }}"
            else:
                switched = f"(rondo_mutant == {number} ? {after} : {switched})"
        path.write_text(text.replace(before, switched))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--eigen", default="/usr/include/eigen3", help="folder of Eigen's headers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workplace = pathlib.Path(name)
        shutil.copytree(ROOT / "include", workplace / "include")
        with_switches(workplace / "include")
        (workplace / "switch.hpp").write_text(SWITCH)
        sources = [str(ROOT / "tests" / test) for test in TESTS + ["support/catch_main.cpp"]]
        subprocess.run([arguments.compiler, "-std=c++20", "-O0", "-w", "-include", str(workplace / "switch.hpp"), "-I",
                        str(workplace / "include"), "-I", str(ROOT / "tests"), "-isystem", arguments.eigen, *sources, "-o",
                        str(workplace / "test")], check=True)

        def red(number):
            environment = {**os.environ, "RONDO_MUTANT": str(number)}
            try:
                return subprocess.run([str(workplace / "test"), "--abort"], capture_output=True, timeout=120,
                                      env=environment).returncode != 0
            except subprocess.TimeoutExpired:
                return True

        if red(0):
            sys.exit("the tests are red before anything is broken")
        killed = 0
        for number, (_, before, after) in enumerate(MUTANTS, start=1):
            dead = red(number)
            killed += dead
            print(f"{'killed  ' if dead else 'SURVIVED'}  {before}  ->  {after or '(nothing)'}", flush=True)
        print(f"{killed} of {len(MUTANTS)} mutants killed")
        return 0 if killed == len(MUTANTS) else 1


if __name__ == "__main__":
    sys.exit(main())
