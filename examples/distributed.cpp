// SPDX-License-Identifier: MIT
// hello_lstm in several processes: `mpirun -np 4 distributed`. Each rank has a part of every batch; the five lines with
// a number are all that is new. The loss is that of one process with the whole batch.
#include <rondo/distributed/data_parallel.hpp>
#include <rondo/distributed/mpi.hpp>
#include <rondo/rondo.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

namespace {

double train(rondo::Communicator& ranks) {
  constexpr rondo::Index kSymbols = 6, kDelay = 4, kBatch = 32, kTime = 24, kSteps = 400;

  rondo::Rng rng(1), symbol_rng(1);
  rondo::TokenModel<float> model({.vocabulary = kSymbols, .embedding = 16, .hidden = 48, .layers = 1}, rng);
  rondo::TokenModel<float>::Cache cache;
  rondo::Adam adam({.learning_rate = 1e-2});
  rondo::DataParallel<float> parallel(model, ranks);               // 1
  const auto [first, count] = rondo::part_of_rank(kBatch, ranks);  // 2

  double loss = 0;
  for (int step = 0; step <= kSteps; ++step) {
    std::vector<std::int32_t> symbols, targets;
    for (rondo::Index t = 0; t < kTime; ++t)
      for (std::size_t b = 0; b < kBatch; ++b) {
        const auto symbol = static_cast<std::int32_t>(symbol_rng.below(kSymbols));
        if (b >= first && b < first + count) symbols.push_back(symbol);
      }
    for (std::size_t n = 0; n < symbols.size(); ++n)
      targets.push_back(n < kDelay * count ? rondo::kIgnoreIndex : symbols[n - kDelay * count]);

    auto state = model.zero_state(rondo::Index(count));
    rondo::zero_grad(model);
    const double weight = double(count) * (kTime - kDelay);
    parallel.begin(weight);  // 3
    double total[] = {weight * model
                                   .forward_backward(symbols, targets, rondo::Index(count), kTime, state, cache,
                                                     rondo::Training{rng}, parallel.when_ready())  // 4
                                   .mean()};
    parallel.finish(total);  // 5
    rondo::clip_grad_norm(model, 1);
    adam.step(model);
    loss = total[0] / (kBatch * (kTime - kDelay));
    if (step % 50 == 0 && ranks.rank() == 0) std::printf("step %3d   loss %.4f nats\n", step, loss);
  }
  return loss;
}

}  // namespace

int main() {
  rondo::MpiSession mpi;
  try {
    return train(mpi.ranks()) < 0.1 ? 0 : 1;
  } catch (const std::exception& e) {  // of this rank or of another one
    std::fprintf(stderr, "rank %d: %s\n", mpi.ranks().rank(), e.what());
    mpi.ranks().fail(e.what());
    return 1;
  }
}
