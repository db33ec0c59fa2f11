// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/gemm.hpp>

#include "support/catch.hpp"

using namespace rondo;

TEST_CASE("element (c, b, t) of a sequence is at offset c + C (b + B t) for every accessor") {
  const Index C = 3, B = 2, T = 4;
  Sequence<int> s(C, B, T);
  for (int n = 0; n < int(s.size()); ++n) s.data()[n] = n;
  const auto& read = s;
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      for (Index c = 0; c < C; ++c) {
        const int wanted = int(c + C * (b + B * t));
        CHECK(s(c, b, t) == wanted);
        CHECK(read.at(t)(c, b) == wanted);
        CHECK(read.flat()(c, b + B * t) == wanted);
      }
  CHECK(s.flat().cols == B * T);
  CHECK(s.flat().row_block(1, 2).columns(3, 1)(0, 0) == 1 + 3 * C);
  s.at(2)(1, 1) = -7;
  CHECK(read(1, 1, 2) == -7);
}

TEST_CASE("a sequence is constructed from values in memory order, or from nested ranges [time][batch][features]") {
  std::vector<double> values(3 * 2 * 4);
  for (std::size_t n = 0; n < values.size(); ++n) values[n] = double(n);
  const Sequence<double> s(3, 2, 4, values);
  values[5] = -1;  // copied
  std::vector<std::vector<std::vector<int>>> nested(4, std::vector(2, std::vector<int>(3)));
  for (Index t = 0; t < 4; ++t)
    for (Index b = 0; b < 2; ++b)
      for (Index c = 0; c < 3; ++c) {
        CHECK(s(c, b, t) == double(c + 3 * (b + 2 * t)));
        nested[std::size_t(t)][std::size_t(b)][std::size_t(c)] = int(100 * t + 10 * b + c);
      }
  const auto from = Sequence<float>::from_nested(nested);
  CHECK(detail::concat(from.shape()) == "3 x 2 x 4 (C x B x T)");
  for (Index t = 0; t < 4; ++t)
    for (Index b = 0; b < 2; ++b)
      for (Index c = 0; c < 3; ++c) CHECK(from(c, b, t) == float(100 * t + 10 * b + c));

  const auto braced = Sequence<float>::from_nested({{{1, 2}}, {{3, 4}}, {{5, 6}}});
  CHECK(detail::concat(braced.shape()) == "2 x 1 x 3 (C x B x T)");
  CHECK(braced(0, 0, 2) == 5);
  const std::array<std::array<std::span<const double>, 1>, 2> spans{
      {{std::span(values).first(2)}, {std::span(values).last(2)}}};
  CHECK(Sequence<double>::from_nested(spans)(1, 0, 1) == 23);
  CHECK(Sequence<double>::from_nested({}).size() == 0);

  CHECK_THROWS_WITH((Sequence<double>(3, 2, 5, values)), "Sequence: 24 values for 3 x 2 x 5 (C x B x T)");
  CHECK_THROWS_WITH((Sequence<double>(3, 2, 3, values)), "Sequence: 24 values for 3 x 2 x 3 (C x B x T)");
  nested[2].pop_back();
  CHECK_THROWS_WITH(Sequence<float>::from_nested(nested),
                    "Sequence::from_nested: step 2 has 1 sequences, step 0 has 2");
  nested[2].push_back({1, 2});
  CHECK_THROWS_WITH(Sequence<float>::from_nested(nested),
                    "Sequence::from_nested: step 2 of sequence 1 has 2 features, the first has 3");
}

TEST_CASE("fill includes the padding") {
  Sequence<float> s(2, 3, 4);
  s.set_lengths(std::vector<Index>{1, 4, 0});
  s.fill(2.5f);
  CHECK(std::all_of(s.data(), s.data() + s.size(), [](float v) { return v == 2.5f; }));
  s.set_zero();
  CHECK(std::all_of(s.data(), s.data() + s.size(), [](float v) { return v == 0; }));
  CHECK(s.ragged());
}

TEST_CASE("copies of a sequence are deep; a smaller shape keeps the memory") {
  Sequence<float> a(2, 3, 4);
  fill(Cpu{}, a.flat(), 1);
  Sequence<float> b = a;
  b(0, 0, 0) = 5;
  CHECK(a(0, 0, 0) == 1);
  const float* memory = a.data();
  a.set_lengths(std::vector<Index>{1, 2, 3});
  a.resize(2, 2, 2);
  CHECK_FALSE(a.ragged());
  a.resize(2, 3, 4);
  CHECK(a.data() == memory);
  CHECK(detail::concat(a.shape()) == "2 x 3 x 4 (C x B x T)");
}

TEST_CASE("ragged lengths define active columns, the active batch of each step and the number of steps") {
  Sequence<float> s(1, 4, 3);
  CHECK(s.active_steps() == 12);
  CHECK(s.active_columns(2) == 4);
  s.set_lengths(std::vector<Index>{1, 3, 0, 2});
  CHECK(s.ragged());
  CHECK(s.active_steps() == 6);
  CHECK(s.active_columns(0) == 4);
  CHECK(s.active_columns(1) == 4);
  CHECK(s.active_columns(2) == 2);
  CHECK(s.active(1, 2));
  CHECK_FALSE(s.active(3, 2));
  Sequence<double> other;
  other.resize_like(s, 7);
  CHECK(other.features() == 7);
  CHECK(other.length(3) == 2);
  s.set_lengths({});
  CHECK_FALSE(s.ragged());
  CHECK(s.length(0) == 3);
}

TEST_CASE("active runs contain every active column once and no padding") {
  const auto lengths =
      GENERATE(std::vector<Index>{}, std::vector<Index>{3, 3, 1, 0}, std::vector<Index>{0, 3, 1, 2},
               std::vector<Index>{2, 2, 2, 2}, std::vector<Index>{1, 0, 0, 3}, std::vector<Index>{0, 0, 0, 0});
  Sequence<float> s(1, 4, 3);
  s.set_lengths(lengths);
  std::vector<int> seen(12, 0);
  Index runs = 0, first_run = 0;
  for_each_active_run(s, [&](Index first, Index count) {
    if (runs++ == 0) first_run = count;
    for (Index n = first; n < first + count; ++n) ++seen[std::size_t(n)];
  });
  for (Index t = 0; t < 3; ++t)
    for (Index b = 0; b < 4; ++b) CHECK(seen[std::size_t(b + 4 * t)] == (s.active(b, t) ? 1 : 0));
  if (!s.ragged()) CHECK((runs == 1 && first_run == 12));           // dense: one product for all steps
  if (lengths == std::vector<Index>{3, 3, 1, 0}) CHECK(runs == 3);  // longest first: one per step
}

TEST_CASE("Sequence reports wrong shapes and lengths") {
  CHECK_THROWS_WITH((Sequence<float>(2, -1, 3)), "Sequence::resize: negative shape 2 x -1 x 3 (C x B x T)");
  Sequence<float> s(2, 3, 4);
  CHECK_THROWS_WITH(s.set_lengths(std::vector<Index>{1, 2}), "Sequence::set_lengths: 2 lengths for B = 3");
  CHECK_THROWS_WITH(s.set_lengths(std::vector<Index>{1, 5, 2}), "Sequence::set_lengths: length 5 with T = 4");
  CHECK_THROWS_WITH(s.set_lengths(std::vector<Index>{1, -1, 2}), "Sequence::set_lengths: length -1 with T = 4");
  CHECK_FALSE(s.ragged());
  CHECK_THROWS_AS(s.resize(1, 1, -1), shape_error);
}

TEST_CASE("a backend whose header is not included is not available") {
  STATIC_REQUIRE(backend_included<Cpu>);
  STATIC_REQUIRE_FALSE(backend_included<Cuda>);
}

// c += op(a) op(b) over the edges of the tiles: 128 rows and columns, 256 (float) or 128 (double) deep.
TEMPLATE_TEST_CASE("gemm equals the triple loop at every tile edge, for all transposes", "", float, double) {
  using Scalar = TestType;
  struct Shape {
    Index m, n, k;
  };
  for (const auto& [m, n, k] : {Shape{1, 1, 1}, Shape{7, 1, 5}, Shape{129, 130, 257}, Shape{128, 1, 256},
                                Shape{3, 128, 2}, Shape{1, 9, 300}, Shape{5, 4, 0}}) {
    const auto value = [](Index i, Index j) { return Scalar(((i * 7 + j * 13) % 11) - 5); };  // small integers: exact
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        Sequence<Scalar> a(ta ? k : m, ta ? m : k, 1), b(tb ? n : k, tb ? k : n, 1), c(m, n, 1);
        for (Index i = 0; i < m; ++i)
          for (Index p = 0; p < k; ++p) (ta ? a.at(0)(p, i) : a.at(0)(i, p)) = value(i, p);
        for (Index p = 0; p < k; ++p)
          for (Index j = 0; j < n; ++j) (tb ? b.at(0)(j, p) : b.at(0)(p, j)) = value(p + 1, j);
        fill(Cpu{}, c.flat(), 2);
        gemm(Cpu{}, ta ? Op::transpose : Op::none, tb ? Op::transpose : Op::none, a.at(0), b.at(0), c.at(0));
        Index wrong = 0;
        for (Index i = 0; i < m; ++i)
          for (Index j = 0; j < n; ++j) {
            Scalar wanted = 2;
            for (Index p = 0; p < k; ++p) wanted += value(i, p) * value(p + 1, j);
            wrong += c(i, j, 0) != wanted;
          }
        INFO(m << " x " << n << " x " << k << (ta ? " a^T" : "") << (tb ? " b^T" : ""));
        CHECK(wrong == 0);
      }
  }
}
