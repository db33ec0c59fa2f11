// SPDX-License-Identifier: MIT
// The grammar of tokens in a model's predictions: kExcludedLogit is added to the logits of tokens that cannot follow,
// in training, evaluation and sampling alike. A model of an InputSpec without grammar is used as it is.
#pragma once

#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/grammar.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace piano {

/// The mask of a batch.
inline rondo::LogitMask mask_of(std::span<const std::uint8_t> excluded) {
  return {excluded, rondo::music::kExcludedLogit};
}

/// The mask after the tokens of one sequence.
class GrammarMask {
 public:
  explicit GrammarMask(const rondo::music::InputSpec& input_spec) {
    if (input_spec.grammar) grammar_ = rondo::music::PieceCursor::unlimited();
  }

  void feed(rondo::music::Token token) {
    if (grammar_) grammar_->feed(token);
  }
  /// `logits`: one per token of the vocabulary.
  void apply(std::span<float> logits) const {
    if (!grammar_) return;
    const auto allowed = grammar_->allowed();
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (allowed[i] == 0) logits[i] += rondo::music::kExcludedLogit;
  }
  /// Appends one flag per token of the vocabulary, as in music::Batch; nothing without grammar.
  void append_excluded(int vocabulary, std::vector<std::uint8_t>& to) const {
    if (!grammar_) return;
    to.resize(to.size() + static_cast<std::size_t>(vocabulary));
    rondo::music::write_excluded(grammar_->allowed(), {}, std::span(to).last(static_cast<std::size_t>(vocabulary)));
  }

 private:
  std::optional<rondo::music::Grammar> grammar_;
};

}  // namespace piano
