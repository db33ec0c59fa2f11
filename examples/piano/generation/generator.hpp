// SPDX-License-Identifier: MIT
// Generation in slices of time: several sequences in one batch. As long as all of them have the same input, one column
// of the network computes for all; its state is copied when they differ. So music that they share is read once.
#pragma once

#include "piano/generation/stream.hpp"

#include <rondo/layers/token_model.hpp>

#include <cstddef>
#include <limits>
#include <vector>

namespace piano {

class Generator {
 public:
  /// `model` must outlive this object. The rest as for generate().
  Generator(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
            const std::vector<Request>& requests, rondo::music::Token opening);

  /// Generates for about `seconds` of time. True once all requests are complete.
  bool run(double seconds = std::numeric_limits<double>::infinity());

  /// The pieces so far, one per request.
  std::vector<GeneratedPiece> results() const;

  std::size_t columns_computed() const { return columns_computed_; }  ///< columns of all steps so far

 private:
  bool inputs_differ() const;
  void take_columns(const std::vector<std::size_t>& columns);  // of the state
  void remove_done();

  const rondo::TokenModel<float>* model_;
  std::vector<Stream> streams_;
  std::vector<std::size_t> active_;  // streams that are not done; column i of the state is that of active_[i]
  bool together_ = true;             // the state has one column, that of all streams
  rondo::TokenModel<float>::State state_;
  rondo::TokenModel<float>::Scratch scratch_;
  std::vector<rondo::music::Token> inputs_;  // ids per step x active streams
  std::size_t ids_per_step_, at_ = 0, columns_computed_ = 0;
};

}  // namespace piano
