// SPDX-License-Identifier: MIT
// --temperature's companions: the filters of sampling, alike in every command that samples.
#pragma once

#include <rondo/sampling.hpp>

#include <CLI/CLI.hpp>

namespace piano {

inline void add_filter_options(CLI::App& app, rondo::SamplingConfig& sampling) {
  app.add_option("--top-k", sampling.top_k, "choose among the k most likely tokens; 0: all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--top-p", sampling.top_p, "choose among the fewest tokens whose probabilities sum to p, in (0, 1]")
      ->check(CLI::Range(1e-9, 1.0));
  app.add_option("--min-p", sampling.min_p,
                 "choose among tokens at least so many times as likely as the most likely, in [0, 1)")
      ->check(CLI::Range(0.0, 0.999999));
}

}  // namespace piano
