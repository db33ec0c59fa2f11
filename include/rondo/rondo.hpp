// SPDX-License-Identifier: MIT
// Everything that needs no more than the standard library and Eigen: the network on the CPU, and the music.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/optim/schedule.hpp>
#include <rondo/sampling.hpp>
#include <rondo/version.hpp>
