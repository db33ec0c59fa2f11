#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes one term of the recurrent cells at a time and requires that the tests fail.

    python3 tests/mutate_equations.py [--compiler g++] [--eigen /usr/include/eigen3] [--only TEXT] [--sample N] [--jobs N]
    python3 tests/mutate_equations.py --check

It copies include/ and puts a switch around every line that has mutants: the environment variable RONDO_MUTANT selects
one. The gradient and forward tests of every cell and option, which run the plain pass in double, are compiled once
against the copy and run once for each mutant. Exit status 0 if every mutant is killed. tests/run.sh --full runs a
sample, --slow all of them. --check compiles nothing: it requires that every statement is still in its file.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LSTM = "math/cells/lstm.inl"
GRU = "math/cells/gru.inl"
VARIANTS = "math/cells/lstm_variants.inl"
PASS = "cpu/recurrent_plain.hpp"
PRODUCTS = "cpu/plain_products.hpp"
CELL = "cpu/plain_cell.hpp"
FRAME = "cpu/recurrent.inl"
STEPS = "recurrent/steps.hpp"
NETWORK = "layers/recurrent.hpp"
LAYER = "layers/recurrent_layer.hpp"
NORM = "math/layer_norm.hpp"

# (file, original text, mutant): whole statements, or expressions of one type. White space is ignored. Mutants without
# any effect are not included, such as zeros where the first step overwrites, or an initial state's gradient that is
# written at each step, of which the last one is correct.
MUTANTS = [
    (LSTM, "i = sigmoid(i);", "i = sigmoid(-i);"),
    (LSTM, "i = sigmoid(i);", "i = sigmoid(f);"),
    (LSTM, "i = sigmoid(i);", "i = tanh(i);"),
    (LSTM, "f = sigmoid(f);", "f = sigmoid(-f);"),
    (LSTM, "f = sigmoid(f);", "f = tanh(f);"),
    (LSTM, "g = tanh(g);", "g = sigmoid(g);"),
    (LSTM, "g = tanh(g);", ""),
    (LSTM, "o = sigmoid(o);", "o = tanh(o);"),
    (LSTM, "o = sigmoid(o);", ""),
    (LSTM, "c = f * c_before + i * g;", "c = c_before + i * g;"),
    (LSTM, "c = f * c_before + i * g;", "c = f * c_before + g;"),
    (LSTM, "c = f * c_before + i * g;", "c = f * c_before - i * g;"),
    (LSTM, "c = f * c_before + i * g;", "c = i * g;"),
    (LSTM, "c = f * c_before + i * g;", "c = i * c_before + f * g;"),
    (LSTM, "tanh_c = tanh(c);", "tanh_c = c;"),
    (LSTM, "h = o * tanh_c;", "h = tanh_c;"),
    (LSTM, "h = o * tanh_c;", "h = o * c;"),
    (LSTM, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * o * (1 - o);"),
    (LSTM, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * tanh_c * (1 - o);"),
    (LSTM, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * tanh_c * o;"),
    (LSTM, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = -dh * tanh_c * o * (1 - o);"),
    (LSTM, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dh * o * (1 - tanh_c * tanh_c);"),
    (LSTM, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dc + dh * (1 - tanh_c * tanh_c);"),
    (LSTM, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dc + dh * o * (1 - tanh_c);"),
    (LSTM, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", "dc = dc + dh * o;"),
    (LSTM, "dc = dc + dh * o * (1 - tanh_c * tanh_c);", ""),
    (LSTM, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * i * (1 - i);"),
    (LSTM, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * g * (1 - i);"),
    (LSTM, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * g * i;"),
    (LSTM, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * f * (1 - f);"),
    (LSTM, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * g * f * (1 - f);"),
    (LSTM, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * c_before * (1 - f);"),
    (LSTM, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * c_before * f;"),
    (LSTM, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * (1 - g * g);"),
    (LSTM, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * i;"),
    (LSTM, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * i * g * (1 - g);"),
    (LSTM, "dc = dc * f;", ""),
    (LSTM, "dc = dc * f;", "dc = dc * i;"),
    (GRU, "r = sigmoid(r);", "r = sigmoid(-r);"),
    (GRU, "r = sigmoid(r);", "r = sigmoid(u);"),
    (GRU, "r = sigmoid(r);", "r = tanh(r);"),
    (GRU, "u = sigmoid(u);", "u = sigmoid(-u);"),
    (GRU, "u = sigmoid(u);", "u = tanh(u);"),
    (GRU, "n = tanh(n + r * n_h);", "n = tanh(n + n_h);"),
    (GRU, "n = tanh(n + r * n_h);", "n = tanh(n + u * n_h);"),
    (GRU, "n = tanh(n + r * n_h);", "n = tanh(r * n + n_h);"),
    (GRU, "n = tanh(n + r * n_h);", "n = tanh(r * n_h);"),
    (GRU, "n = tanh(n + r * n_h);", "n = tanh(n);"),
    (GRU, "n = tanh(n + r * n_h);", "n = n + r * n_h;"),
    (GRU, "h = n + u * (h_before - n);", "h = n + u * h_before;"),
    (GRU, "h = n + u * (h_before - n);", "h = h_before + u * (n - h_before);"),
    (GRU, "h = n + u * (h_before - n);", "h = u * (h_before - n);"),
    (GRU, "h = n + u * (h_before - n);", "h = n + (h_before - n);"),
    (GRU, "carry = carry + dh;", ""),
    (GRU, "carry = carry + dh;", "carry = dh;"),
    (GRU, "dz_u = carry * (h_before - n) * u * (1 - u);", "dz_u = dh * (h_before - n) * u * (1 - u);"),
    (GRU, "dz_u = carry * (h_before - n) * u * (1 - u);", "dz_u = carry * h_before * u * (1 - u);"),
    (GRU, "dz_u = carry * (h_before - n) * u * (1 - u);", "dz_u = carry * (n - h_before) * u * (1 - u);"),
    (GRU, "dz_u = carry * (h_before - n) * u * (1 - u);", "dz_u = carry * (h_before - n) * (1 - u);"),
    (GRU, "dz_u = carry * (h_before - n) * u * (1 - u);", "dz_u = carry * (h_before - n) * u;"),
    (GRU, "dz_x = carry * (1 - u) * (1 - n * n);", "dz_x = dh * (1 - u) * (1 - n * n);"),
    (GRU, "dz_x = carry * (1 - u) * (1 - n * n);", "dz_x = carry * u * (1 - n * n);"),
    (GRU, "dz_x = carry * (1 - u) * (1 - n * n);", "dz_x = carry * (1 - n * n);"),
    (GRU, "dz_x = carry * (1 - u) * (1 - n * n);", "dz_x = carry * (1 - u);"),
    (GRU, "dz_x = carry * (1 - u) * (1 - n * n);", "dz_x = carry * (1 - u) * n * (1 - n);"),
    (GRU, "dz_r = dz_x * n_h * r * (1 - r);", "dz_r = dz_x * r * (1 - r);"),
    (GRU, "dz_r = dz_x * n_h * r * (1 - r);", "dz_r = dz_x * n * r * (1 - r);"),
    (GRU, "dz_r = dz_x * n_h * r * (1 - r);", "dz_r = n_h * r * (1 - r);"),
    (GRU, "dz_r = dz_x * n_h * r * (1 - r);", "dz_r = dz_x * n_h * (1 - r);"),
    (GRU, "dz_r = dz_x * n_h * r * (1 - r);", "dz_r = dz_x * n_h * r;"),
    (GRU, "dz_h = dz_x * r;", "dz_h = dz_x;"),
    (GRU, "dz_h = dz_x * r;", "dz_h = dz_x * u;"),
    (GRU, "carry = carry * u;", ""),
    (GRU, "carry = carry * u;", "carry = carry * (1 - u);"),
    (GRU, "carry = carry * u;", "carry = dh * u;"),

    (VARIANTS, "f = f + p[kPf] * c_before;", ""),
    (VARIANTS, "f = f + p[kPf] * c_before;", "f = f + p[kPf];"),
    (VARIANTS, "f = f + p[kPf] * c_before;", "f = f - p[kPf] * c_before;"),
    (VARIANTS, "f = sigmoid(f);", "f = sigmoid(-f);"),
    (VARIANTS, "f = sigmoid(f);", "f = tanh(f);"),
    (VARIANTS, "g = tanh(g);", "g = sigmoid(g);"),
    (VARIANTS, "g = tanh(g);", ""),
    (VARIANTS, "c = f * c_before + (1 - f) * g;", "c = f * c_before + f * g;"),
    (VARIANTS, "c = f * c_before + (1 - f) * g;", "c = f * c_before + g;"),
    (VARIANTS, "c = f * c_before + (1 - f) * g;", "c = c_before + (1 - f) * g;"),
    (VARIANTS, "c = f * c_before + (1 - f) * g;", "c = (1 - f) * c_before + f * g;"),
    (VARIANTS, "i = i + p[0] * c_before;", ""),
    (VARIANTS, "i = i + p[0] * c_before;", "i = i + p[kPf] * c_before;"),
    (VARIANTS, "i = i + p[0] * c_before;", "i = i + p[0];"),
    (VARIANTS, "i = sigmoid(i);", "i = sigmoid(-i);"),
    (VARIANTS, "i = sigmoid(i);", "i = tanh(i);"),
    (VARIANTS, "c = f * c_before + i * g;", "c = c_before + i * g;"),
    (VARIANTS, "c = f * c_before + i * g;", "c = f * c_before + g;"),
    (VARIANTS, "c = f * c_before + i * g;", "c = i * g;"),
    (VARIANTS, "c = f * c_before + i * g;", "c = i * c_before + f * g;"),
    (VARIANTS, "o = o + p[kPo] * c;", ""),
    (VARIANTS, "o = o + p[kPo] * c;", "o = o + p[kPf] * c;"),
    (VARIANTS, "o = o + p[kPo] * c;", "o = o + p[kPo];"),
    (VARIANTS, "o = sigmoid(o);", ""),
    (VARIANTS, "o = sigmoid(o);", "o = tanh(o);"),
    (VARIANTS, "tanh_c = tanh(c_out);", "tanh_c = c_out;"),
    (VARIANTS, "h = o * tanh_c;", "h = tanh_c;"),
    (VARIANTS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * o * (1 - o);"),
    (VARIANTS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * tanh_c * (1 - o);"),
    (VARIANTS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = dh * tanh_c * o;"),
    (VARIANTS, "dz_o = dh * tanh_c * o * (1 - o);", "dz_o = -dh * tanh_c * o * (1 - o);"),
    (VARIANTS, "dc_out = dc_out + dh * o * (1 - tanh_c * tanh_c);", "dc_out = dh * o * (1 - tanh_c * tanh_c);"),
    (VARIANTS, "dc_out = dc_out + dh * o * (1 - tanh_c * tanh_c);",
     "dc_out = dc_out + dh * (1 - tanh_c * tanh_c);"),
    (VARIANTS, "dc_out = dc_out + dh * o * (1 - tanh_c * tanh_c);", "dc_out = dc_out + dh * o;"),
    (VARIANTS, "dc_out = dc_out + dh * o * (1 - tanh_c * tanh_c);", ""),
    (VARIANTS, "dc = dc + dz_o * p[kPo];", ""),
    (VARIANTS, "dc = dc + dz_o * p[kPo];", "dc = dc + dz_o;"),
    (VARIANTS, "dc = dc + dz_o * p[kPo];", "dc = dz_o * p[kPo];"),
    (VARIANTS, "dp[kPo] = dp[kPo] + dz_o * c;", ""),
    (VARIANTS, "dp[kPo] = dp[kPo] + dz_o * c;", "dp[kPo] = dp[kPo] + dz_o;"),
    (VARIANTS, "dp[kPo] = dp[kPo] + dz_o * c;", "dp[kPo] = dz_o * c;"),
    (VARIANTS, "dz_f = dc * (c_before - g) * f * (1 - f);", "dz_f = f * (1 - f) * dc * c_before;"),
    (VARIANTS, "dz_f = dc * (c_before - g) * f * (1 - f);", "dz_f = dc * (c_before + g) * f * (1 - f);"),
    (VARIANTS, "dz_f = dc * (c_before - g) * f * (1 - f);", "dz_f = dc * (c_before - g) * (1 - f);"),
    (VARIANTS, "dz_f = dc * (c_before - g) * f * (1 - f);", "dz_f = dc * (c_before - g) * f;"),
    (VARIANTS, "dz_g = dc * (1 - f) * (1 - g * g);", "dz_g = dc * f * (1 - g * g);"),
    (VARIANTS, "dz_g = dc * (1 - f) * (1 - g * g);", "dz_g = dc * (1 - g * g);"),
    (VARIANTS, "dz_g = dc * (1 - f) * (1 - g * g);", "dz_g = dc * (1 - f);"),
    (VARIANTS, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * i * (1 - i);"),
    (VARIANTS, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * g * (1 - i);"),
    (VARIANTS, "dz_i = dc * g * i * (1 - i);", "dz_i = dc * g * i;"),
    (VARIANTS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * f * (1 - f);"),
    (VARIANTS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * c_before * (1 - f);"),
    (VARIANTS, "dz_f = dc * c_before * f * (1 - f);", "dz_f = dc * c_before * f;"),
    (VARIANTS, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * (1 - g * g);"),
    (VARIANTS, "dz_g = dc * i * (1 - g * g);", "dz_g = dc * i;"),
    (VARIANTS, "dc = dc * f;", ""),
    (VARIANTS, "dc = dc * f;", "dc = dc * (1 - f);"),
    (VARIANTS, "dc = dc + dz_f * p[kPf];", ""),
    (VARIANTS, "dc = dc + dz_f * p[kPf];", "dc = dc + dz_f;"),
    (VARIANTS, "dp[kPf] = dp[kPf] + dz_f * c_before;", ""),
    (VARIANTS, "dp[kPf] = dp[kPf] + dz_f * c_before;", "dp[kPf] = dp[kPf] + dz_f;"),
    (VARIANTS, "dp[kPf] = dp[kPf] + dz_f * c_before;", "dp[kPf] = dz_f * c_before;"),
    (VARIANTS, "dc = dc + dz[0] * p[0];", ""),
    (VARIANTS, "dc = dc + dz[0] * p[0];", "dc = dc + dz[0];"),
    (VARIANTS, "dp[0] = dp[0] + dz[0] * c_before;", ""),
    (VARIANTS, "dp[0] = dp[0] + dz[0] * c_before;", "dp[0] = dp[0] + dz[0];"),

    (PRODUCTS, "Z.row_block(run.block * H, run.count * H)", "Z.row_block(run.gate * H, run.count * H)"),
    (PRODUCTS, "gemm(cpu, Op::none, Op::none, W, X, rows);", ""),
    (PRODUCTS, "return gemm(cpu, R, h, z);", "return;"),
    (PRODUCTS, "add_scaled<Scalar>(w.norm_x.row_block(hat.data - x_hat.data, hat.rows), hat, rows);", ""),
    (PRODUCTS, "add_scaled<Scalar>(w.norm_x.row_block(hat.data - x_hat.data, hat.rows), hat, rows);",
     "add_scaled<Scalar>(w.norm_x.row_block(0, hat.rows), hat, rows);"),
    (PRODUCTS, "add_scaled<Scalar>(w.norm_h, h_hat, z);", ""),
    (PRODUCTS, "add_scaled<Scalar>(w.norm_h, h_hat, z);", "add_scaled<Scalar>(w.norm_x, h_hat, z);"),
    (PRODUCTS, "rstd(0, j) = layer_norm(column);", "layer_norm(column);"),
    (PRODUCTS, "rstd(0, j) = layer_norm(column);", "rstd(0, j) = 1;"),
    (PRODUCTS, "column_of(rows, j) += column_of(gain, 0) * column_of(normalised, j);",
     "column_of(rows, j) += column_of(normalised, j);"),
    (PRODUCTS, "column_of(rows, j) += column_of(gain, 0) * column_of(normalised, j);",
     "column_of(rows, j) = column_of(gain, 0) * column_of(normalised, j);"),
    (PRODUCTS, "column_of(d_gain, 0) += column * column_of(normalised, j);", ""),
    (PRODUCTS, "column_of(d_gain, 0) += column * column_of(normalised, j);", "column_of(d_gain, 0) += column;"),
    (PRODUCTS, "column_of(d_gain, 0) += column * column_of(normalised, j);",
     "column_of(d_gain, 0) = column * column_of(normalised, j);"),
    (PRODUCTS, "column *= column_of(gain, 0);", ""),
    (PRODUCTS, "layer_norm_backward(column, column_of(normalised, j), rstd(0, j));", ""),
    (PRODUCTS, "if (!w.norm_h.data) return dz;", "if (true) return dz;"),
    (PRODUCTS, "gemm(cpu, Op::none, Op::transpose, d, X, grad.W);", ""),
    (PRODUCTS, "if (dX.data) gemm(cpu, Op::transpose, Op::none, w.W, d, dX);", ""),
    (PRODUCTS, "gemm(cpu, Op::none, Op::transpose, rows, X, dW);", ""),
    (PRODUCTS, "gemm(cpu, Op::transpose, Op::none, W, rows, dX);", ""),

    (CELL, "return begins ? cache.h0.at(0) : y.at(steps.before(t));", "return cache.h0.at(0);"),
    (CELL, "return begins ? cache.c0.at(0) : cache.c.at(steps.before(t));", "return cache.c0.at(0);"),
    (CELL, "return begins ? cache.c0.at(0) : cache.c.at(steps.before(t));",
     "return t == 0 ? cache.c0.at(0) : cache.c.at(t - 1);"),
    (CELL, "state = before + column_of(mask.at(t), b) * mean * (state - before);",
     "state = before + mean * (state - before);"),
    (CELL, "state = before + mean * (state - before);", "state = before + (1 - mean) * (state - before);"),
    (CELL, "state = before + mean * (state - before);", ""),
    (CELL, "kept = d;", ""),
    (CELL, "d *= column_of(mask.at(t), b) * mean;", "d *= mean;"),
    (CELL, "d *= column_of(mask.at(t), b) * mean;", "d *= column_of(mask.at(t), b);"),
    (CELL, "kept -= d;", ""),
    (CELL, "options.zoneout_c > 0 ? c_new : c", "c"),
    (CELL, "c_out = column_of(w.norm_c, 0) * c_hat + column_of(w.norm_c, 1);",
     "c_out = c_hat + column_of(w.norm_c, 1);"),
    (CELL, "c_out = column_of(w.norm_c, 0) * c_hat + column_of(w.norm_c, 1);",
     "c_out = column_of(w.norm_c, 0) * c_hat;"),
    (CELL, "c_out = column_of(w.norm_c, 0) * c_hat + column_of(w.norm_c, 1);",
     "c_out = column_of(w.norm_c, 0) * c + column_of(w.norm_c, 1);"),
    (CELL, "zoneout_forward(column_of(cache.c.at(t), b), before, options.zoneout_c, cache.zoneout_mask_c, b, t);", ""),
    (CELL, "zoneout_backward(dc, column_of(work.dc_bypass.at(0), b), options.zoneout_c, saved.zoneout_mask_c, b, t);", ""),
    (CELL, "dc_out.setZero();", ""),
    (CELL, "column_of(grad.norm_c, 1) += dc_out;", ""),
    (CELL, "column_of(grad.norm_c, 1) += dc_out;", "column_of(grad.norm_c, 1) = dc_out;"),
    (CELL, "dc += dc_out;", ""),
    (CELL, "dc += dc_out;", "dc = dc_out;"),
    (CELL, "dc += column_of(work.dc_bypass.at(0), b);", ""),

    (PASS, "fill(cpu, Z, Scalar(0));", ""),
    (PASS, "for_each_input_run<Cell>(w.b, Z, H, [&](auto b, auto rows) { matrix(rows).colwise() += matrix(b).col(0); "
           "});",
     ""),
    (PASS, "matrix(Z.row_block(0, Cell::kGates * H)).colwise() += matrix(w.b_R).col(0);", ""),
    (PASS, "matrix(Z.row_block(0, Cell::kGates * H)).colwise() += matrix(w.b_R).col(0);",
     "matrix(Z.row_block(H, Cell::kGates * H)).colwise() += matrix(w.b_R).col(0);"),
    (PASS, "return column_of(steps.begins(b, t) ? MatrixView<Scalar>(cache.h0.at(0)) : y.at(steps.before(t)), b);",
     "return column_of(MatrixView<Scalar>(cache.h0.at(0)), b);"),
    (PASS, "return column_of(steps.begins(b, t) ? MatrixView<Scalar>(cache.h0.at(0)) : y.at(steps.before(t)), b);",
     "return column_of(t == 0 ? MatrixView<Scalar>(cache.h0.at(0)) : y.at(t - 1), b);"),
    (PASS, "if (x.extent.active(b, t)) to = h_before_of(b);", ""),
    (PASS, "if (cache.h_mask.size() > 0) to *= column_of(cache.h_mask.at(0), b);", ""),
    (PASS, "h.setZero();", ""),
    (PASS, "fill(cpu, y.at(t), Scalar(0));", ""),
    (PASS, "gemm(cpu, Op::none, Op::none, w.projection, cell_output, y.at(t));", ""),
    (PASS, "detail::zoneout_forward(column_of(y.at(t), b), h_before_of(b), options.zoneout_h, cache.zoneout_mask_h, b, t);", ""),
    (PASS, "fill(cpu, dc, Scalar(0));", ""),
    (PASS, "steps.ends(b, t)", "t + 1 == x.time()"),
    (PASS, "steps.ends(b, t)", "n == 0"),
    (PASS, "column_of(dh, b) = column_of(dh_end, b);", "column_of(dh, b) = 0 * column_of(dh_end, b);"),
    (PASS, "column_of(dh, b) = column_of(dh_end, b);", ""),
    (PASS, "column_of(dc, b) = column_of(dc_end, b);", "column_of(dc, b) = 0 * column_of(dc_end, b);"),
    (PASS, "column_of(dc, b) = column_of(dc_end, b);", ""),
    (PASS, "total = column_of(dy.at(t), b) + column_of(dh, b);", "total = column_of(dy.at(t), b);"),
    (PASS, "total = column_of(dy.at(t), b) + column_of(dh, b);", "total = column_of(dh, b);"),
    (PASS, "total += column_of(dc, b);", ""),
    (PASS, "column_of(dc, b).setZero();", ""),
    (PASS, "detail::zoneout_backward(total, column_of(dh_bypass, b), options.zoneout_h, saved.zoneout_mask_h, b, t);", ""),
    (PASS, "fill(cpu, dm, Scalar(0));", ""),
    (PASS, "gemm(cpu, Op::transpose, Op::none, w.projection, dh_total, dm.columns(0, columns));", ""),
    (PASS, "fill(cpu, dh.columns(0, columns), Scalar(0));", ""),
    (PASS, "gemm(cpu, work.R_transposed, d_Rh, dh.columns(0, columns));", ""),
    (PASS, "gemm(cpu, work.R_transposed, d_Rh, dh.columns(0, columns));",
     "gemm(cpu, work.R_transposed, dz.row_block(dz.rows - GH, GH), dh.columns(0, columns));"),
    (PASS, "if (saved.h_mask.size() > 0) array(dh) *= array(saved.h_mask.at(0));", ""),
    (PASS, "if (options.zoneout_h > 0) column_of(dh, b) += column_of(dh_bypass, b);", ""),
    (PASS, "if (!steps.begins(b, t)) continue;", "if (t > 0) continue;"),
    (PASS, "column_of(dh_end, b) = column_of(dh, b);", ""),
    (PASS, "column_of(dc_end, b) = column_of(dc, b);", ""),
    (PASS, "column_of(dh_end, b) += column_of(dc, b);", ""),
    (PASS, "if (to.to_features() && !to.add) fill(cpu, to.dx, Scalar(0));", ""),
    (PASS, "if (to.to_features() && !to.add) fill(cpu, to.dx, Scalar(0));",
     "if (to.to_features()) fill(cpu, to.dx, Scalar(0));"),
    (PASS, "gemm(cpu, Op::none, Op::transpose, d_RH, work.h_before.flat().columns(first, count), grad.R);", ""),
    (PASS, "gemm(cpu, Op::none, Op::transpose, d_RH, work.h_before.flat().columns(first, count), grad.R);",
     "gemm(cpu, Op::none, Op::transpose, dZ.row_block(dZ.rows - GH, GH), work.h_before.flat().columns(first, count), "
     "grad.R);"),
    (PASS, "add_columns(cpu, rows, db);", ""),
    (PASS, "add_columns(cpu, dZ_R, grad.b_R);", ""),
    (PASS, "add_columns(cpu, dZ_R, grad.b_R);", "add_columns(cpu, dZ.row_block(dZ.rows - GH, GH), grad.b_R);"),
    (PASS, "gemm(cpu, Op::none, Op::transpose, work.dh_total.flat().columns(first, count), "
           "saved.m.flat().columns(first, count), grad.projection);",
     ""),
    (PASS, "gemm(cpu, Op::none, Op::transpose, work.dh_total.flat().columns(first, count), "
           "saved.m.flat().columns(first, count), grad.projection);",
     "gemm(cpu, Op::none, Op::transpose, dy.flat.columns(first, count), saved.m.flat().columns(first, count), "
     "grad.projection);"),

    (NORM, "x -= x.mean();", ""),
    (NORM, "static_cast<Scalar>(kLayerNormEpsilon)", "Scalar(0)"),
    (NORM, "x *= rstd;", ""),
    (NORM, "d = (d - d.mean() - normalised * along) * rstd;", "d = (d - normalised * along) * rstd;"),
    (NORM, "d = (d - d.mean() - normalised * along) * rstd;", "d = (d - d.mean()) * rstd;"),
    (NORM, "d = (d - d.mean() - normalised * along) * rstd;", "d = (d - d.mean() - normalised * along);"),
    (NORM, "d = (d - d.mean() - normalised * along) * rstd;", "d = (d - d.mean() - along) * rstd;"),

    (LAYER, "if (h0_.size() > 0) add_columns(Device{}, dh, h0_.grad());", ""),
    (LAYER, "if (c0_.size() > 0) add_columns(Device{}, dc, c0_.grad());", ""),
    (LAYER, "if (h0_.size() > 0) set_columns(Device{}, h, h0_.value());", ""),
    (LAYER, "if (c0_.size() > 0) set_columns(Device{}, c, c0_.value());", ""),
    (LAYER, "if (cache.R_dropped) all.R = cache.R.flat();", ""),
    (LAYER, "dropout_backward(Device{}, cache.R_mask.flat(), cache.dR.flat());", ""),
    (LAYER, "add(Device{}, std::as_const(cache.dR).flat(), R_.grad());", ""),
    (LAYER, "fill(Device{}, cache.dR.flat(), 0);", ""),

    (FRAME, "detail::column_of(h, b) = detail::column_of(moves ? y.at(steps.end(b)) : cache.h0.at(0), b);",
     "detail::column_of(h, b) = detail::column_of(y.at(y.time() - 1), b);"),
    (FRAME, "detail::column_of(c, b) = detail::column_of(moves ? cache.c.at(steps.end(b)) : cache.c0.at(0), b);",
     "detail::column_of(c, b) = detail::column_of(cache.c.at(y.time() - 1), b);"),
    (FRAME, "y.extent.length(b) > 0", "true"),
    (FRAME, "if constexpr (Cell::kHasC) copy(cpu, cache.c.at(0), c);", ""),

    (STEPS, "reverse() ? count() - 1 - n : n", "n"),
    (STEPS, "reverse() ? n : count() - 1 - n", "count() - 1 - n"),
    (STEPS, "reverse() ? t + 1 : t - 1", "reverse() ? t : t - 1"),
    (STEPS, "reverse() ? t + 1 == extent.length(b) : t == 0", "reverse() ? t + 1 == extent.time : t == 0"),
    (STEPS, "reverse() ? t + 1 == extent.length(b) : t == 0", "t == 0"),
    (STEPS, "return extent.active(b, t) && (reverse() ? t == 0 : t + 1 == extent.length(b));",
     "return t + 1 == extent.length(b);"),
    (STEPS, "return extent.active(b, t) && (reverse() ? t == 0 : t + 1 == extent.length(b));",
     "return extent.active(b, t) && (reverse() ? t == 0 : t + 1 == extent.time);"),
    (STEPS, "reverse() ? 0 : extent.length(b) - 1", "extent.length(b) - 1"),
    (STEPS, "reverse() ? 0 : extent.length(b) - 1", "reverse() ? 0 : extent.time - 1"),

    (NETWORK, "y.view().row_block(d * config_.output(), config_.output())", "y.view().row_block(0, config_.output())"),
    (NETWORK, "d_below.add = d > 0;", ""),
    (NETWORK, "d_below.add = d > 0;", "d_below.add = true;"),
    (NETWORK, "dropout_backward(cache.dropouts[l - 1], *dx);", ""),
    (NETWORK, "d_above = dx;", ""),
]

TESTS = ["layers/recurrent_gradients.cpp", "layers/recurrent_forward.cpp"]

# Tests for files that only some cells include.
TESTS_OF = {LSTM: "*::LstmCell", GRU: "*::GruCell", VARIANTS: "*PeepholeLstmCell,*CoupledLstmCell"}

SWITCH = """#include <cstdlib>
inline const int rondo_mutant = std::getenv("RONDO_MUTANT") ? std::atoi(std::getenv("RONDO_MUTANT")) : 0;
"""


def switch(before, mutants):
    """`before` or one of its mutants, [(number, text)], selected by the number."""
    if not before.endswith(";"):
        return "(" + "".join(f"rondo_mutant == {number} ? {after} : " for number, after in mutants) + f"({before}))"
    choices = "".join(f"if (rondo_mutant == {number}) {{ {after} }} else " for number, after in mutants)
    return f"{{ {choices} {{ {before} }} }}"


def with_switches(include):
    """Rewrites the copied headers. Mutant n is entry n of MUTANTS, from 1; 0 is the unchanged library."""
    files = {}
    for number, (file, before, after) in enumerate(MUTANTS, start=1):
        files.setdefault(file, {}).setdefault(before, []).append((number, after))
    for file, mutants_of in files.items():
        path = include / "rondo" / file
        text, places = path.read_text(), []
        for before, mutants in mutants_of.items():
            found = list(re.finditer(r"\s+".join(map(re.escape, before.split())), text))
            if len(found) != 1:
                sys.exit(f"{file}: `{before}` occurs {len(found)} times, wanted 1; update MUTANTS")
            places.append((*found[0].span(), switch(before, mutants)))
        for start, end, switched in sorted(places, reverse=True):
            text = text[:start] + switched + text[end:]
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--eigen", default="/usr/include/eigen3", help="folder of Eigen's headers")
    parser.add_argument("--only", default="", help="only mutants whose file or text contains this")
    parser.add_argument("--sample", type=int, default=0, help="number of mutants, evenly spaced; 0: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of parallel test processes")
    parser.add_argument("--check", action="store_true", help="only look for each statement in its file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workplace = pathlib.Path(name)
        shutil.copytree(ROOT / "include", workplace / "include")
        with_switches(workplace / "include")
        if arguments.check:
            print(f"{len(MUTANTS)} mutants, each statement found once")
            return 0
        (workplace / "switch.hpp").write_text(SWITCH)
        sources = [str(ROOT / "tests" / test) for test in TESTS + ["support/catch_main.cpp"]]
        # -O1 costs half a minute of compilation and saves many: every mutant runs these tests.
        subprocess.run([arguments.compiler, "-std=c++20", "-O1", "-w", "-include", str(workplace / "switch.hpp"),
                        "-I", str(workplace / "include"), "-I", str(ROOT / "tests"), "-isystem", arguments.eigen,
                        *sources, "-o", str(workplace / "test")], check=True)

        def fails(number, tests="*"):
            environment = {**os.environ, "RONDO_MUTANT": str(number)}
            try:
                return subprocess.run([str(workplace / "test"), "--abort", tests], capture_output=True, timeout=600,
                                      env=environment).returncode != 0
            except subprocess.TimeoutExpired:
                return True

        if any(fails(0, tests) for tests in {"*", *TESTS_OF.values()}):
            sys.exit("the tests fail without any mutant")
        chosen = [(number, *mutant) for number, mutant in enumerate(MUTANTS, start=1)
                  if arguments.only in mutant[0] or arguments.only in mutant[1]]
        if 0 < arguments.sample < len(chosen):
            chosen = [chosen[n * len(chosen) // arguments.sample] for n in range(arguments.sample)]
        killed = 0
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            results = pool.map(lambda mutant: fails(mutant[0], TESTS_OF.get(mutant[1], "*")), chosen)
            for (_, file, before, after), dead in zip(chosen, results):
                killed += dead
                print(f"{'killed  ' if dead else 'SURVIVED'}  {file}: {before}  ->  {after or '(nothing)'}", flush=True)
        print(f"{killed} of {len(chosen)} mutants killed")
        return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
