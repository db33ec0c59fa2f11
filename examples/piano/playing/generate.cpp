// SPDX-License-Identifier: MIT
#include "piano/playing/generate.hpp"

#include <rondo/music/kind_mass.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace piano {
namespace {

namespace music = rondo::music;

/// One stream: the tokens so far, and what may come next.
class Stream {
 public:
  Stream(const Request& request, const music::Hearing& hearing, music::Token opening)
      : hearing_(hearing),
        told_(request.told),
        grammar_({.pedal = hearing.vocabulary == music::kVocabularyWithPedal}),
        sampler_(request.sampling),
        rng_(request.seed) {
    take_.tokens = request.primer;
    take_.primer_tokens = request.primer.size();
    if (take_.tokens.empty()) take_.tokens.push_back(opening);
    grammar_.feed(std::span<const music::Token>(take_.tokens));
    end_ = grammar_.steps() + std::llround(request.seconds * music::kStepsPerSecond);
  }

  /// Writes what the model hears at step t: the primer, then what was sampled. Called for each t in turn.
  void speak(std::size_t t, std::span<music::Token> to) {
    const music::Token token = t < take_.tokens.size() ? take_.tokens[t] : music::Token{0};
    sounding_.feed(token);
    music::write_step(hearing_.conditions, hearing_.vocabulary, token, told_, sounding_, 0, to);
  }

  /// Takes the logits that followed token t; samples where the primer has nothing more to say.
  void hear(std::size_t t, std::span<const float> logits) {
    if (done_ || t + 1 < take_.tokens.size()) return;
    masked_.assign(logits.begin(), logits.end());
    music::keep_kind_mass(masked_, grammar_.allowed());
    const auto token = sampler_(std::span<const float>(masked_), grammar_.allowed(), rng_).token;
    if (grammar_.steps() + (music::kind_of(token) == music::EventKind::time_shift ? music::event_of(token).value : 0) >
        end_) {
      finish();
      return;
    }
    take_.nats -= rondo::log_probability(logits, token);
    ++take_.sampled;
    take_.tokens.push_back(token);
    grammar_.feed(token);
  }

  bool done() const { return done_; }
  Take& take() { return take_; }

 private:
  void finish() {
    while (take_.tokens.size() > take_.primer_tokens &&
           music::kind_of(take_.tokens.back()) == music::EventKind::velocity)
      take_.tokens.pop_back();  // a velocity that no note follows
    const auto closing = grammar_.finish();
    take_.tokens.insert(take_.tokens.end(), closing.begin(), closing.end());
    done_ = true;
  }

  Take take_;
  music::Hearing hearing_;
  music::Told told_;
  music::KeysDown sounding_;
  music::Grammar grammar_;
  rondo::Sampler sampler_;
  rondo::Rng rng_;
  std::vector<float> masked_;  // logits in which the mask shifts nothing between kinds of events
  std::int64_t end_ = 0;
  bool done_ = false;
};

}  // namespace

std::vector<Take> generate(const rondo::TokenModel<float>& model, const music::Hearing& hearing,
                           const std::vector<Request>& requests, music::Token opening) {
  std::vector<Stream> streams;
  for (const Request& request : requests) streams.emplace_back(request, hearing, opening);
  const auto per_step = static_cast<std::size_t>(hearing.conditions.per_step());
  std::vector<music::Token> heard(streams.size() * per_step);
  auto state = model.zero_state(static_cast<rondo::Index>(streams.size()));
  rondo::TokenModel<float>::Scratch scratch;
  for (std::size_t t = 0; !std::ranges::all_of(streams, &Stream::done); ++t) {
    for (std::size_t b = 0; b < streams.size(); ++b)
      streams[b].speak(t, std::span(heard).subspan(b * per_step, per_step));
    const auto logits = model.step(heard, state, scratch);
    for (std::size_t b = 0; b < streams.size(); ++b)
      streams[b].hear(t, {&logits(0, static_cast<rondo::Index>(b)), static_cast<std::size_t>(logits.rows)});
  }
  std::vector<Take> takes;
  for (Stream& stream : streams) takes.push_back(std::move(stream.take()));
  return takes;
}

std::vector<music::Token> opening_of(const music::Performance& performance, double seconds) {
  auto tokens = music::encode(performance, music::LeadIn::drop);
  std::int64_t steps = 0;
  const auto past = std::ranges::find_if(tokens, [&](music::Token token) {
    if (music::kind_of(token) == music::EventKind::time_shift) steps += music::event_of(token).value;
    return static_cast<double>(steps) > seconds * music::kStepsPerSecond;
  });
  tokens.erase(past, tokens.end());
  return tokens;
}

}  // namespace piano
