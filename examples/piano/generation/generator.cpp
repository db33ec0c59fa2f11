// SPDX-License-Identifier: MIT
#include "piano/generation/generator.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <span>
#include <utility>

namespace piano {

namespace music = rondo::music;

Generator::Generator(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec,
                     const std::vector<Request>& requests, music::Token opening)
    : model_(&model),
      active_(requests.size()),
      state_(model.zero_state(1)),
      ids_per_step_(static_cast<std::size_t>(input_spec.conditions.ids_per_step())) {
  for (const Request& request : requests) streams_.emplace_back(request, input_spec, opening);
  std::iota(active_.begin(), active_.end(), std::size_t{0});
  remove_done();
}

bool Generator::run(double seconds) {
  const auto start = std::chrono::steady_clock::now();
  const std::chrono::duration<double> budget(seconds);
  for (; !active_.empty() && std::chrono::steady_clock::now() - start < budget; ++at_) {
    inputs_.resize(active_.size() * ids_per_step_);
    for (std::size_t i = 0; i < active_.size(); ++i)
      streams_[active_[i]].next_input(at_, std::span(inputs_).subspan(i * ids_per_step_, ids_per_step_));
    if (together_ && inputs_differ()) {
      together_ = false;
      take_columns(std::vector<std::size_t>(active_.size(), 0));
    }
    const auto logits =
        model_->step(std::span(inputs_).first(together_ ? ids_per_step_ : inputs_.size()), state_, scratch_);
    columns_computed_ += static_cast<std::size_t>(logits.cols);
    for (std::size_t i = 0; i < active_.size(); ++i)
      streams_[active_[i]].set_logits(
          at_, {&logits(0, together_ ? 0 : static_cast<rondo::Index>(i)), static_cast<std::size_t>(logits.rows)});
    remove_done();
  }
  return active_.empty();
}

std::vector<GeneratedPiece> Generator::results() const {
  std::vector<GeneratedPiece> pieces;
  for (const Stream& stream : streams_) pieces.push_back(stream.result());
  return pieces;
}

bool Generator::inputs_differ() const {
  for (std::size_t i = ids_per_step_; i < inputs_.size(); ++i)
    if (inputs_[i] != inputs_[i - ids_per_step_]) return true;
  return false;
}

void Generator::take_columns(const std::vector<std::size_t>& columns) {
  auto taken = model_->zero_state(static_cast<rondo::Index>(columns.size()));
  for (const auto& [to, from] : {std::pair(&taken.h, &state_.h), std::pair(&taken.c, &state_.c)})
    for (rondo::Index layer = 0; layer < to->time(); ++layer)
      for (std::size_t i = 0; i < columns.size(); ++i)
        std::copy_n(&from->at(layer)(0, static_cast<rondo::Index>(columns[i])), to->features(),
                    &to->at(layer)(0, static_cast<rondo::Index>(i)));
  state_ = std::move(taken);
}

void Generator::remove_done() {
  std::vector<std::size_t> left;  // columns
  for (std::size_t i = 0; i < active_.size(); ++i)
    if (!streams_[active_[i]].done()) left.push_back(i);
  if (left.size() == active_.size()) return;
  if (!together_ && !left.empty()) take_columns(left);
  for (std::size_t i = 0; i < left.size(); ++i) active_[i] = active_[left[i]];
  active_.resize(left.size());
}

}  // namespace piano
