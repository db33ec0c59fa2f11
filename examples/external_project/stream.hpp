// SPDX-License-Identifier: MIT
#pragma once

#include <rondo/layers/linear.hpp>
#include <rondo/layers/lstm.hpp>

#include <string>

/// Runs the trained network on `steps` samples of the wave and writes its predictions as a melody to `path`, a MIDI
/// file. Returns the mean squared error of the predictions.
double stream(const rondo::Lstm<float>& lstm, const rondo::Linear<float>& readout, int steps, const std::string& path);

/// Sample t of the wave.
float wave(rondo::Index t);
