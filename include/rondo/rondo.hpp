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
#include <rondo/layers/inference_lstm.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/midi/compose.hpp>
#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/augment.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/load.hpp>
#include <rondo/music/memorisation.hpp>
#include <rondo/music/ngram.hpp>
#include <rondo/music/pedal.hpp>
#include <rondo/music/score/library.hpp>
#include <rondo/music/statistics.hpp>
#include <rondo/music/tokens.hpp>
#include <rondo/music/vocabulary.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/optim/schedule.hpp>
#include <rondo/sampling.hpp>
#include <rondo/version.hpp>
