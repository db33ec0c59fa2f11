// SPDX-License-Identifier: MIT
// The network on the CPU: layers, losses, optimiser, sampling. MIDI and music: <rondo/music.hpp>. Views as Eigen
// matrices: <rondo/cpu/eigen.hpp>.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/level.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference.hpp>
#include <rondo/layers/inference_token_model.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/lstm_variants.hpp>
#include <rondo/layers/named.hpp>
#include <rondo/layers/pooling.hpp>
#include <rondo/layers/regression_losses.hpp>
#include <rondo/layers/streaming.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/optim/factored_parameters.hpp>
#include <rondo/optim/schedule.hpp>
#include <rondo/sampling.hpp>
#include <rondo/version.hpp>
