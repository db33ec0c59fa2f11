// SPDX-License-Identifier: MIT
// Runs the tagger that train.py has trained: from_pytorch tagger.safetensors [digits]. Marks the digits that equal a
// neighbour, and prints the accuracy on random sequences.
#include <rondo/io/read_model.hpp>
#include <rondo/io/self_test.hpp>
#include <rondo/rondo.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using Tokens = std::vector<std::int32_t>;

/// For each digit of one sequence whether the model marks it.
std::vector<bool> tags_of(const rondo::InferenceModel<float>& model, const Tokens& digits) {
  auto state = model.initial_state(1);
  rondo::InferenceModel<float>::Workspace work;
  const auto& logits = model.forward(digits, 1, static_cast<rondo::Index>(digits.size()), state, work);
  std::vector<bool> tags;
  for (rondo::Index t = 0; t < logits.time(); ++t) tags.push_back(logits.at(t)(1, 0) > logits.at(t)(0, 0));
  return tags;
}

int run(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: from_pytorch tagger.safetensors [digits]\n");
    return 2;
  }
  const rondo::ModelDescription file = rondo::read_model(argv[1]);
  std::printf("self-test: largest difference to PyTorch %.2g\n", rondo::self_test_difference(file).value_or(0));
  rondo::require_self_test(file);
  const rondo::InferenceModel<float> model(file);

  if (argc == 3) {
    Tokens digits;
    for (char c : std::string(argv[2])) digits.push_back(c - '0');  // the model refuses what is no digit
    std::printf("%s\n", argv[2]);
    for (bool tag : tags_of(model, digits)) std::putchar(tag ? '^' : ' ');
    std::putchar('\n');
    return 0;
  }

  rondo::Rng rng(1);
  int right = 0, all = 0;
  for (int n = 0; n < 100; ++n) {
    Tokens digits(30);
    for (std::size_t t = 0; t < digits.size(); ++t)
      digits[t] = t > 0 && rng.below(10) < 3 ? digits[t - 1] : static_cast<std::int32_t>(rng.below(10));
    const auto tags = tags_of(model, digits);
    for (std::size_t t = 0; t < digits.size(); ++t) {
      const bool wanted =
          (t > 0 && digits[t] == digits[t - 1]) || (t + 1 < digits.size() && digits[t] == digits[t + 1]);
      right += tags[t] == wanted, ++all;
    }
  }
  std::printf("accuracy on random digits: %.3f\n", static_cast<double>(right) / all);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "from_pytorch: %s\n", e.what());
    return 1;
  }
}
