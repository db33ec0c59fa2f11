// SPDX-License-Identifier: MIT
// New music for a stretch of a piece, which leads into what follows. Many candidates are generated in one batch, each
// from the music before the stretch. Then each reads the music after it, and outputs are drawn from the candidates in
// proportion to the likelihood of that music: a particle filter whose weights are the model's own likelihoods.
#pragma once

#include "piano/generation/generate.hpp"
#include "piano/generation/generator.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace piano {

struct InfillOptions {
  int candidates = 64;         ///< continuations among which outputs are drawn, at least the number of outputs
  double context = 30;         ///< seconds of the music before the stretch that the model reads, at least 5
  std::size_t following = 32;  ///< notes after the stretch whose likelihood decides
};

/// One output.
struct Infill {
  GeneratedPiece piece;       ///< the whole music with its new notes
  std::uint64_t seed;         ///< of the chosen candidate
  double following_per_note;  ///< nats per note of the music that follows
};

struct Infills {
  std::vector<Infill> outputs;             ///< those after which the music that follows is likeliest first
  double original_following_per_note = 0;  ///< after the original music of the stretch
  double median_following_per_note = 0;    ///< after the median candidate, a continuation that knows of no end
};

/// An infill in slices of time.
class Infilling {
 public:
  /// Fills `gap` of `music`, whose first note begins at 0 s. `settings`: sampling, first seed and condition values; its
  /// plan is not used. `model` must outlive this object. Throws std::invalid_argument unless 0 < begin < end, with a
  /// note before and after the gap.
  Infilling(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
            const rondo::music::Performance& music, Span gap, const Request& settings, rondo::music::Token opening,
            const InfillOptions& options = {});

  /// Generates for about `seconds` of time. True once all candidates are complete.
  bool run(double seconds = std::numeric_limits<double>::infinity()) { return generator_.run(seconds); }

  /// Draws `outputs` of the candidates. Throws std::invalid_argument if there are fewer. To be called after run().
  Infills result(int outputs) const;

  const Generator& generator() const { return generator_; }

 private:
  struct Task;  // what to generate
  Infilling(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec, Task task,
            rondo::music::Token opening);
  static Task task_of(const rondo::music::Performance& music, Span gap, const Request& settings,
                      const InfillOptions& options);
  GeneratedPiece splice(const GeneratedPiece& candidate) const;

  Span gap_;
  rondo::music::Performance kept_;    // the music outside the gap
  double begin_;                      // of the excerpt that the model reads, in the music
  double notes_;                      // that follow
  std::vector<std::uint64_t> seeds_;  // of the candidates
  Generator generator_;               // of the candidates, and the excerpt as it was
};

/// `outputs` infills at once. Throws what Infilling throws.
Infills infill(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
               const rondo::music::Performance& music, Span gap, const Request& settings, int outputs,
               rondo::music::Token opening, const InfillOptions& options = {});

}  // namespace piano
