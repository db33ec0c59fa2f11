// SPDX-License-Identifier: MIT
// What the walks through time take: plain data, the same for all of them. Legend: H hidden units, B batch, T time
// steps. Matrices are contiguous, column-major.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline v0::cuda {

/// Where cells leave the 16-bit words that the next product multiplies, and of which kind they are; null: nowhere.
struct WordsOut {
  std::uint16_t* data = nullptr;
  bool fp16 = false;  // else bf16
  bool operator==(const WordsOut&) const = default;
};

template <class Scalar>
struct ForwardArguments {
  Index H, B, T;
  Index first, last;            // steps of this walk: [first, last) of T
  const Scalar* R;              // 4H x H
  const Scalar* bias;           // 4H
  const std::int32_t* lengths;  // B; null: dense
  Scalar* gates;                // 4H x B x T  in: W x; out: the gates
  const Scalar* h0;             // H x B
  const Scalar* c0;             // H x B
  Scalar* c;                    // H x B x T
  Scalar* tanh_c;               // H x B x T
  Scalar* y;                    // H x B x T
  WordsOut h_words;             // H x B x (T+1), state t in slot t: slot 0 is h0
  bool operator==(const ForwardArguments&) const = default;
};

template <class Scalar>
struct BackwardArguments {
  Index H, B, T;
  Index first, last;            // steps of this walk, the last time step first: [first, last) of T + 1
  const Scalar* R;              // 4H x H
  const std::int32_t* lengths;  // B; null: dense
  const Scalar* gates;          // 4H x B x T
  const Scalar* c0;             // H x B
  const Scalar* c;              // H x B x T
  const Scalar* tanh_c;         // H x B x T
  const Scalar* dy;             // H x B x T
  const Scalar* dh_end;         // H x B      the gradient of the final hidden state
  Scalar* dh;                   // H x B      out: the gradient of the initial one
  Scalar* dc;                   // H x B      in: the gradient of the final cell; out: of the initial one
  Scalar* dz;                   // 4H x B x T
  WordsOut dz_words;            // 4H x B x T
  bool operator==(const BackwardArguments&) const = default;
};

/// The walks. The persistent ones give false, and do nothing, where device or shape are not for them; they are float's
/// alone. R's words are bf16 or fp16 where the precision is.
void enqueue_stepwise(const ForwardArguments<float>& a, Precision precision, const std::uint16_t* R_words);
void enqueue_stepwise(const ForwardArguments<double>& a, Precision precision, const std::uint16_t* R_words);
void enqueue_stepwise(const BackwardArguments<float>& a, Precision precision, const std::uint16_t* R_words);
void enqueue_stepwise(const BackwardArguments<double>& a, Precision precision, const std::uint16_t* R_words);

bool enqueue_grid_persistent(const ForwardArguments<float>& a, Precision precision, std::uint32_t* barrier);
bool enqueue_grid_persistent(const BackwardArguments<float>& a, Precision precision, std::uint32_t* barrier);
bool enqueue_cluster_persistent(const ForwardArguments<float>& a, Precision precision);
bool enqueue_cluster_persistent(const BackwardArguments<float>& a, Precision precision);

}  // namespace rondo::inline v0::cuda
