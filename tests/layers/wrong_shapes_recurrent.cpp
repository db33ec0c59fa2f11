// SPDX-License-Identifier: MIT
// Every forward, backward and step of networks, their layers and streams with each argument wrong in each dimension.
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/lstm_variants.hpp>
#include <rondo/layers/streaming.hpp>

#include "support/wrong_shapes.hpp"

using namespace rondo_test;

namespace {

/// A type of network.
struct NetworkKind {
  Index projection = 0;
  bool bidirectional = false;
  std::vector<Index> lengths = {};
  bool every_option = false;

  RecurrentConfig config() const {
    RecurrentConfig config{.input = kC,
                           .hidden = kH,
                           .layers = 2,
                           .bidirectional = bidirectional,
                           .projection = projection,
                           .dropout = 0.5};
    if (every_option) {
      config.layer_norm = config.learned_initial_state = true;
      config.zoneout_h = config.recurrent_dropout = config.weight_dropout = 0.2;
    }
    return config;
  }
};

template <class Cell, class Scalar>
void check_network(const NetworkKind& kind) {
  Rng rng(1);
  RecurrentConfig config = kind.config();
  if (kind.every_option && Cell::kHasC) config.zoneout_c = 0.2;
  Recurrent<Cell, Scalar> network(config, rng);
  const std::string name = Cell::kName;
  const Index P = kind.config().output(), DP = network.output(), passes = 2 * network.directions();
  const auto x = zeros<Scalar>(kC, kB, kT, kind.lengths);
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(2 * kB * kT), 1);
  const std::vector<Scalar> E(static_cast<std::size_t>(kC * kV));
  const TokenInput<Scalar> tokens{{E.data(), kC, kV, kC}, ids, kB, kT, 2};

  check(name + "::forward", with_state<Cell>({{"x.C", kC}, {"x.B", kB}}, P, passes), [&](const Sizes& s) {
    auto state = state_at<Cell, Scalar>(s, 2);
    typename Recurrent<Cell, Scalar>::Cache cache;
    network.forward(zeros<Scalar>(s[0], s[1], kT), state, cache, Training{rng});
  });

  std::vector<Dimension> backward = {{"x.C", kC},  {"x.B", kB},  {"x.T", kT},     {"dy.DP", DP},
                                     {"dy.B", kB}, {"dy.T", kT}, {"cache.B", kB}, {"cache.T", kT}};
  check(name + "::backward", with_state<Cell>(backward, P, passes), [&](const Sizes& s) {
    typename Recurrent<Cell, Scalar>::Cache cache;
    auto state = network.zero_state(s[6]);
    network.forward(zeros<Scalar>(kC, s[6], s[7]), state, cache, Training{rng});
    auto d_state = state_at<Cell, Scalar>(s, 8);
    Sequence<Scalar> dx;
    network.backward(zeros<Scalar>(s[0], s[1], s[2]), zeros<Scalar>(s[3], s[4], s[5]), cache, d_state, &dx);
  });

  // Token inputs.
  const std::vector<Dimension> of_tokens = {{"E.D", kC}, {"ids", 2 * kB * kT}, {"x.B", kB}, {"x.T", kT}, {"x.K", 2}};
  const auto tokens_of = [&](const Sizes& s, const std::vector<Scalar>& embedding,
                             const std::vector<std::int32_t>& few) {
    return TokenInput<Scalar>{{embedding.data(), s[0], kV, s[0]}, few, s[2], s[3], s[4]};
  };
  check(name + "::forward", of_tokens, [&](const Sizes& s) {
    const std::vector<Scalar> embedding(static_cast<std::size_t>(s[0] * kV));
    const std::vector<std::int32_t> few(static_cast<std::size_t>(s[1]), 1);
    auto state = network.zero_state(kB);
    typename Recurrent<Cell, Scalar>::Cache cache;
    network.forward(tokens_of(s, embedding, few), state, cache, Inference{});
  });
  auto d_tokens = of_tokens;
  d_tokens.insert(d_tokens.end(), {{"dE.D", kC}, {"dE.V", kV}});
  check(name + "::backward", d_tokens, [&](const Sizes& s) {
    const std::vector<Scalar> embedding(static_cast<std::size_t>(s[0] * kV));
    const std::vector<std::int32_t> few(static_cast<std::size_t>(s[1]), 1);
    std::vector<Scalar> dE(static_cast<std::size_t>(s[5] * s[6]));
    auto state = network.zero_state(kB), d_state = network.zero_state(kB);
    typename Recurrent<Cell, Scalar>::Cache cache;
    network.forward(tokens, state, cache, Inference{});
    network.backward(tokens_of(s, embedding, few), zeros<Scalar>(DP, kB, kT), cache, d_state,
                     MatrixView<Scalar>{dE.data(), s[5], s[6], s[5]});
  });

  // Gradients for the wrong kind of input; empty caches and caches of other passes.
  auto state = network.zero_state(kB), d_state = network.zero_state(kB);
  typename Recurrent<Cell, Scalar>::Cache cache, empty, of_others, of_ragged;
  const auto dy = zeros<Scalar>(DP, kB, kT);
  network.forward(x, state, cache, Inference{});
  std::vector<Scalar> dE(static_cast<std::size_t>(kC * kV));
  Sequence<Scalar> dx;
  check_wrong(name + "::backward: x is features", [&] {
    network.backward(x, dy, cache, d_state, MatrixView<Scalar>{dE.data(), kC, kV, kC});
  });
  if (kind.lengths.empty())
    check_wrong(name + "::backward: x is tokens", [&] { network.backward(tokens, dy, cache, d_state, &dx); });
  check_wrong(name + "::backward: the cache", [&] { network.backward(x, dy, empty, d_state); });
  auto other = kind.config();
  other.hidden = kH + 2, other.projection = Cell::kHasC ? P : 0;  // other cells, but outputs of the same shape
  if (Cell::kHasC) {
    Recurrent<Cell, Scalar> another(other, rng);
    auto its_state = another.zero_state(kB);
    another.forward(x, its_state, of_others, Inference{});
    check_wrong(name, [&] { network.backward(x, dy, of_others, d_state); });
  }
  auto s = network.zero_state(kB);
  network.forward(zeros<Scalar>(kC, kB, kT, {1, 2}), s, of_ragged, Inference{});
  check_wrong(name + "::backward: the cache", [&] { network.backward(x, dy, of_ragged, d_state); });
  check_wrong(name, [&] {  // the cache is of a forward pass with features
    auto zero = network.zero_state(kB);
    typename Recurrent<Cell, Scalar>::Cache saw;
    network.forward(zeros<Scalar>(kC, kB, kT + 1), zero, saw, Inference{});
    network.backward(tokens, dy, saw, d_state);
  });

  for (int with_norm = 0; kind.every_option && with_norm < (Cell::kHasC ? 2 : 1); ++with_norm) {
    // A cache of a layer without options, and of one without zoneout.
    RecurrentConfig less = config;
    less.layer_norm = with_norm == 1;
    less.zoneout_h = less.zoneout_c = 0;
    Recurrent<Cell, Scalar> other_layers(less, rng);
    auto its_state = other_layers.zero_state(kB);
    typename Recurrent<Cell, Scalar>::Cache of_less;
    other_layers.forward(x, its_state, of_less, Inference{});
    check_wrong(name + "Layer::backward: the cache", [&] { network.backward(x, dy, of_less, d_state); });
  }
  check(name + "::backward_initial_state",
        Cell::kHasC ? std::vector<Dimension>{{"h.P", P}, {"h.L*D", passes}, {"c.H", kH}, {"c.B", kB}, {"c.L*D", passes}}
                    : std::vector<Dimension>{{"h.P", P}, {"h.L*D", passes}},
        [&](const Sizes& sizes) {
          auto d = Cell::kHasC ? state_of<Scalar>(sizes[0], kB, sizes[1], sizes[2], sizes[3], sizes[4])
                               : state_of<Scalar>(sizes[0], kB, sizes[1], 0, kB, sizes[1]);
          network.backward_initial_state(d);
        });

  typename Recurrent<Cell, Scalar>::Scratch scratch;
  if (kind.bidirectional)
    check_wrong(name + "::step", [&] { network.step(x.at(0), state, scratch); });
  else
    check(name + "::step", with_state<Cell>({{"x.C", kC}, {"x.B", kB}}, P, passes), [&](const Sizes& sizes) {
      auto now = state_at<Cell, Scalar>(sizes, 2);
      network.step(zeros<Scalar>(sizes[0], sizes[1], 1).at(0), now, scratch);
    });

  const InferenceRecurrent<Cell, Scalar> fast(network);
  typename InferenceRecurrent<Cell, Scalar>::Workspace work;
  check("Inference" + name + "::forward", with_state<Cell>({{"x.C", kC}, {"x.B", kB}}, P, passes),
        [&](const Sizes& sizes) {
          auto now = state_at<Cell, Scalar>(sizes, 2);
          fast.forward(zeros<Scalar>(sizes[0], sizes[1], kT, sizes[1] == kB ? kind.lengths : Sizes{}), now, work);
        });
}

template <class Cell, class Scalar>
void check_layer(Index projection, Direction direction) {
  Rng rng(2);
  RecurrentLayer<Cell, Scalar> layer({.hidden = kH, .projection = projection, .learned_initial_state = true}, kC,
                                     direction, rng);
  const std::string name = std::string(Cell::kName) + "Layer";
  const Index P = layer.shape().output;
  using Cache = RecurrentCache<Scalar>;
  const auto c_of = [](const Sizes& s, std::size_t n) {
    return Cell::kHasC ? zeros<Scalar>(s[n], s[n + 1], 1) : zeros<Scalar>(0, 0, 1);
  };
  const auto with_c = [](std::vector<Dimension> dimensions) {
    if (Cell::kHasC) dimensions.insert(dimensions.end(), {{"c.H", kH}, {"c.B", kB}});
    return dimensions;
  };

  check(name + "::forward",
        with_c({{"x.C", kC}, {"x.B", kB}, {"x.T", kT}, {"h.P", P}, {"h.B", kB}, {"y.P", P}, {"y.B", kB}, {"y.T", kT}}),
        [&](const Sizes& s) {
          auto h = zeros<Scalar>(s[3], s[4], 1), y = zeros<Scalar>(s[5], s[6], s[7]), c = c_of(s, 8);
          Cache cache;
          layer.forward(zeros<Scalar>(s[0], s[1], s[2]), h.at(0), c.at(0), y.view(), cache, Training{rng});
        });

  const auto right_c = zeros<Scalar>(Cell::kHasC ? kH : 0, Cell::kHasC ? kB : 0, 1);
  check(name + "::backward",
        with_c({{"x.C", kC},
                {"x.B", kB},
                {"x.T", kT},
                {"y.P", P},
                {"y.B", kB},
                {"y.T", kT},
                {"dy.P", P},
                {"dy.B", kB},
                {"dy.T", kT},
                {"dh.P", P},
                {"dh.B", kB},
                {"dx.C", kC},
                {"dx.B*T", kB * kT},
                {"cache.B", kB},
                {"cache.T", kT}}),
        [&](const Sizes& s) {
          Cache cache;
          auto h = zeros<Scalar>(P, s[13], 1), c = zeros<Scalar>(Cell::kHasC ? kH : 0, s[13], 1);
          auto y_before = zeros<Scalar>(P, s[13], s[14]);
          layer.forward(zeros<Scalar>(kC, s[13], s[14]), h.at(0), c.at(0), y_before.view(), cache, Training{rng});
          const auto dy = zeros<Scalar>(s[6], s[7], s[8]);
          auto y = zeros<Scalar>(s[3], s[4], s[5]), dh = zeros<Scalar>(s[9], s[10], 1), dc = c_of(s, 15),
               dx = zeros<Scalar>(s[11], s[12], 1);
          layer.backward(zeros<Scalar>(s[0], s[1], s[2]), y.view(), dy.view(), cache, dh.at(0), dc.at(0),
                         {.dx = dx.flat()});
        });

  check(name + "::step", with_c({{"x.C", kC}, {"x.B", kB}, {"h.P", P}, {"h.B", kB}}), [&](const Sizes& s) {
    auto h = zeros<Scalar>(s[2], s[3], 1), c = c_of(s, 4);
    StepScratch<Scalar> scratch;
    const auto x = zeros<Scalar>(s[0], s[1], 1);
    layer.step(x.at(0), h.at(0), c.at(0), scratch);
  });

  for (const bool gradient : {false, true}) {
    const std::string who = name + (gradient ? "::add_initial_state_gradient" : "::set_initial_state");
    std::vector<Dimension> dimensions = {{"h.P", P}};  // B is free
    if (Cell::kHasC) dimensions.insert(dimensions.end(), {{"c.H", kH}, {"c.B", kB}});
    check(who, dimensions, [&](const Sizes& s) {
      auto h = zeros<Scalar>(s[0], kB, 1), c = c_of(s, 1);
      if (gradient)
        layer.add_initial_state_gradient(h.at(0), c.at(0));
      else
        layer.set_initial_state(h.at(0), c.at(0));
    });
  }

  // Token inputs, whose gradient is a matrix.
  check(name + "::backward", {{"x.D", kC}, {"ids", kB * kT}, {"dE.D", kC}, {"dE.V", kV}}, [&](const Sizes& s) {
    const std::vector<Scalar> E(static_cast<std::size_t>(kC * kV)), wide(static_cast<std::size_t>(s[0] * kV));
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(kB * kT), 1), few(static_cast<std::size_t>(s[1]), 1);
    std::vector<Scalar> dE(static_cast<std::size_t>(s[2] * s[3]));
    auto h = zeros<Scalar>(P, kB, 1), c = right_c, y = zeros<Scalar>(P, kB, kT);
    Cache cache;
    layer.forward(TokenInput<Scalar>{{E.data(), kC, kV, kC}, ids, kB, kT}, h.at(0), c.at(0), y.view(), cache,
                  Inference{});
    layer.backward(TokenInput<Scalar>{{wide.data(), s[0], kV, s[0]}, few, kB, kT}, y.view(), std::as_const(y).view(),
                   cache, h.at(0), c.at(0), {.dE = {dE.data(), s[2], s[3], s[2]}});
  });

  // Inconsistent views, and lengths that differ.
  auto h = zeros<Scalar>(P, kB, 1), c = right_c, y = zeros<Scalar>(P, kB, kT);
  const auto x = zeros<Scalar>(kC, kB, kT), ragged = zeros<Scalar>(kC, kB, kT, {1, 2});
  const std::vector<Index> one_length = {2};
  Cache cache;
  const auto forward = [&](const RecurrentInput<Scalar>& input, SequenceView<Scalar> out) {
    layer.forward(input, h.at(0), c.at(0), out, cache, Inference{});
  };
  check_wrong(name + "::forward: x has 6 columns", [&] {
    forward(SequenceView<const Scalar>{x.flat().columns(0, 6), {kB, kT, {}}}, y.view());
  });
  check_wrong(name + "::forward: x has 1 lengths", [&] {
    forward(SequenceView<const Scalar>{x.flat(), {kB, kT, one_length}}, y.view());
  });
  check_wrong(name + "::forward: y", [&] { forward(ragged, y.view()); });
  check_wrong(name + "::forward: y", [&] { forward(x, SequenceView<Scalar>{y.flat().columns(0, 6), {kB, kT, {}}}); });
  check_wrong(Cell::kName, [&] { RecurrentLayer<Cell, Scalar>({.hidden = kH}, 0, direction, rng); });
  check_wrong(Cell::kName, [&] { RecurrentLayer<Cell, Scalar>({.hidden = 0}, kC, direction, rng); });
  if (!Cell::kHasC)
    check_wrong(Cell::kName,
                [&] { RecurrentLayer<Cell, Scalar>({.hidden = kH, .projection = 2}, kC, direction, rng); });
}

template <class Cell, class Scalar>
void check_stream(Index projection) {
  Rng rng(3);
  const Recurrent<Cell, Scalar> network({.input = kC, .hidden = kH, .layers = 2, .projection = projection}, rng);
  const Index P = network.output();
  const std::string name = std::string("Streaming") + Cell::kName;
  StreamingRecurrent<Cell, Scalar> stream(network);
  check(name + "::step", {{"x.C", kC}}, [&](const Sizes& s) {
    const std::vector<Scalar> x(static_cast<std::size_t>(s[0]));
    stream.step(x);
  });
  check(name + "::set_state", with_state<Cell>({}, P, 2), [&](const Sizes& s) {  // kB = 2: one too many
    auto sizes = s;
    for (std::size_t n : {1u, 4u})
      if (n < sizes.size()) --sizes[n];
    stream.set_state(state_at<Cell, Scalar>(sizes, 0));
  });
  check(name, {{"head.C", P}},
        [&](const Sizes& s) { StreamingRecurrent<Cell, Scalar>(network, Linear<Scalar>(s[0], 2, rng)); });
  check(name, {{"C", kC}, {"H", kH}}, [&](const Sizes& s) {
    StreamingRecurrent<Cell, Scalar, kC, kH>(Recurrent<Cell, Scalar>({.input = s[0], .hidden = s[1]}, rng));
  });
  check_wrong(name, [&] {
    StreamingRecurrent<Cell, Scalar>(Recurrent<Cell, Scalar>({.input = kC, .hidden = kH, .bidirectional = true}, rng));
  });
  // A size that is part of the type is checked by the compiler.
  StreamingRecurrent<Cell, Scalar, kC> fixed(network);
  static_assert(noexcept(fixed.step(std::declval<std::span<const Scalar, kC>>())));
  static_assert(!std::is_convertible_v<std::span<const Scalar>, typename StreamingRecurrent<Cell, Scalar, kC>::Input>);
}

/// float uses the packed pass if the machine supports it, double the plain one; other cells only test what they add.
void check_networks(bool both) {
  check_network<LstmCell, float>({.bidirectional = both});
  check_network<LstmCell, float>({.projection = 2, .bidirectional = both});
  check_network<LstmCell, float>({.bidirectional = both, .lengths = {3, 4}});
  check_network<GruCell, float>({.bidirectional = both});
  check_network<CoupledPeepholeLstmCell, double>({.projection = 2, .bidirectional = both});
  check_network<GruCell, double>({.bidirectional = both});
  check_network<GruCell, float>({.bidirectional = both, .every_option = true});
  check_network<CoupledPeepholeLstmCell, double>({.projection = 2, .bidirectional = both, .every_option = true});
}

void check_layers(Direction direction) {
  check_layer<LstmCell, float>(0, direction);
  check_layer<LstmCell, float>(2, direction);
  check_layer<GruCell, float>(0, direction);
  check_layer<CoupledPeepholeLstmCell, double>(2, direction);
  check_layer<GruCell, double>(0, direction);
}

}  // namespace

TEST_CASE("wrong shapes: networks in one direction") { check_networks(false); }

TEST_CASE("wrong shapes: bidirectional networks") { check_networks(true); }

TEST_CASE("wrong shapes: one layer") {
  for (const Direction direction : {Direction::forward, Direction::reverse}) check_layers(direction);
}

TEST_CASE("wrong shapes: streams") {
  check_stream<LstmCell, float>(0);
  check_stream<LstmCell, float>(2);
  check_stream<GruCell, float>(0);
  check_stream<CoupledPeepholeLstmCell, double>(2);
}
