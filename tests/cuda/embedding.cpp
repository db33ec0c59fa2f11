// SPDX-License-Identifier: MIT
// Look-up and its gradient are exact: results must be bit-identical.
#include <rondo/recurrent/input.hpp>

#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// `columns` ids: few of the V tokens often, most of them never.
std::vector<std::int32_t> random_tokens(Index columns, Index V, Rng& rng) {
  std::vector<std::int32_t> tokens;
  for (Index j = 0; j < columns; ++j) {
    const auto below = rng.below(3) == 0 ? static_cast<std::uint32_t>(V) : std::uint32_t{3};
    tokens.push_back(static_cast<std::int32_t>(rng.below(std::min(below, static_cast<std::uint32_t>(V)))));
  }
  return tokens;
}

/// K ids for each of `columns`: one in four is the padding id, some columns have only padding ids.
std::vector<std::int32_t> random_bags(Index columns, Index K, Index V, Rng& rng) {
  auto ids = random_tokens(columns * K, V, rng);
  for (Index j = 0; j < columns; ++j) {
    const bool all = rng.below(5) == 0;
    for (Index k = 0; k < K; ++k)
      if (all || rng.below(4) == 0) ids[static_cast<std::size_t>(j * K + k)] = kNoToken;
  }
  return ids;
}

struct Case {
  Index D, V, columns;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (Index D : kSizes)
    for (Index columns : {0, 1, 33, 1000}) all.push_back({D, columns == 33 ? 1 : 388, columns});
  all.push_back({2, 388, 70000});
  all.push_back({1, 70000, 70000});
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: embedding look-up returns the column of each token", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(1);
  for (auto [D, V, columns] : cases())
    for (Index gap : {0, 3}) {
      INFO("D " << D << ", V " << V << ", " << columns << " columns, gap " << gap);
      const auto tokens = random_tokens(columns, V, rng);
      const auto E = random_matrix<TestType>(D, V, rng);
      DeviceMatrix<TestType> table(E, gap), y(D, columns, gap);
      embedding_forward(Cuda{}, table.view(), tokens, y.view());
      Matrix<TestType> wanted(D, columns);
      for (Index j = 0; j < columns; ++j)
        for (Index d = 0; d < D; ++d) wanted(d, j) = E(d, tokens[static_cast<std::size_t>(j)]);
      CHECK(y.get() == wanted);
      CHECK(table.get() == E);
    }
}

TEMPLATE_TEST_CASE("CUDA: the gradient of an embedding is summed in the order of the columns", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(2);
  for (auto [D, V, columns] : cases())
    for (Index gap : {0, 3}) {
      INFO("D " << D << ", V " << V << ", " << columns << " columns, gap " << gap);
      const auto tokens = random_tokens(columns, V, rng);
      const auto dy = random_matrix<TestType>(D, columns, rng);
      auto wanted = random_matrix<TestType>(D, V, rng);
      DeviceMatrix<TestType> gradient(wanted, gap), on_device(dy, gap);
      embedding_backward(Cuda{}, tokens, on_device.view(), gradient.view());
      for (Index j = 0; j < columns; ++j)
        for (Index d = 0; d < D; ++d) wanted(d, tokens[static_cast<std::size_t>(j)]) += dy(d, j);
      CHECK(gradient.get() == wanted);
    }
}

TEMPLATE_TEST_CASE("CUDA: a multi-hot input sums its columns in order, and each receives the gradient", "", float,
                   double) {
  if (!gpu_available()) return;
  Rng rng(3);
  for (const auto& [D, V, columns] : {Case{1, 1, 33}, {33, 388, 33}, {257, 40, 100}, {3, 553, 2000}})
    for (Index K : {2, 3, 20})
      for (Index gap : {0, 3}) {
        INFO("D " << D << ", V " << V << ", " << columns << " columns of " << K << ", gap " << gap);
        const auto ids = random_bags(columns, K, V, rng);
        const auto E = random_matrix<TestType>(D, V, rng), dy = random_matrix<TestType>(D, columns, rng);
        auto d_table = random_matrix<TestType>(D, V, rng);
        DeviceMatrix<TestType> table(E, gap), y(D, columns, gap), gradient(d_table, gap), on_device(dy, gap);
        embedding_forward(Cuda{}, table.view(), ids, y.view());
        embedding_backward(Cuda{}, ids, on_device.view(), gradient.view());
        Matrix<TestType> sums(D, columns);
        for (Index j = 0; j < columns; ++j)
          for (Index k = 0; k < K; ++k)
            if (const auto id = ids[static_cast<std::size_t>(j * K + k)]; id != kNoToken)
              for (Index d = 0; d < D; ++d) sums(d, j) += E(d, id), d_table(d, id) += dy(d, j);
        CHECK(y.get() == sums);
        CHECK(gradient.get() == d_table);
        CHECK(table.get() == E);
      }
}

TEST_CASE("CUDA: columns with only padding ids are zero and have no gradient") {
  if (!gpu_available()) return;
  Rng rng(4);
  const std::vector<std::int32_t> nothing(2 * 33, kNoToken);
  const auto E = random_matrix<float>(5, 7, rng), dy = random_matrix<float>(5, 33, rng);
  DeviceMatrix<float> table(E), y(5, 33), gradient(E), on_device(dy);
  embedding_forward(Cuda{}, table.view(), nothing, y.view());
  embedding_backward(Cuda{}, nothing, on_device.view(), gradient.view());
  CHECK(y.get() == Matrix<float>(5, 33, 0));
  CHECK(gradient.get() == E);
}
