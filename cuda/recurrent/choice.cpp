// SPDX-License-Identifier: MIT
#include "choice.hpp"

#include "../runtime.hpp"
#include "cost_model.hpp"
#include "operands.hpp"

#include <rondo/core/random.hpp>
#include <rondo/cuda/algorithm_records.hpp>
#include <rondo/cuda/operations.hpp>
#include <rondo/cuda/recurrent.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/version.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

// ---- stored choices

/// What a choice depends on. T counts by powers of two.
struct Key {
  std::string device;  // and its driver, and this build: see device_text
  Precision precision;
  bool backward, ragged;
  Index H, B;
  int T_log2;
  auto operator<=>(const Key&) const = default;
};

const std::string& device_text() {
  Context::Impl& current = context();
  if (!current.device_text.empty()) return current.device_text;
  const DeviceInfo& d = current.device;
  std::ostringstream out;
  out << d.name << ", " << d.multiprocessors << " multiprocessors, compute capability " << d.major << '.' << d.minor
      << ", driver " << d.driver << ", runtime " << d.runtime << ", rondo " << RONDO_VERSION_MAJOR << '.'
      << RONDO_VERSION_MINOR << '.' << RONDO_VERSION_PATCH;
  return current.device_text = out.str();
}

struct Store {
  std::mutex lock;
  std::map<Key, AlgorithmRecord> records;
};

Store& store() {
  static Store all;
  return all;
}

constexpr const char* kPrecisions[] = {"fp32", "tf32", "tf32x3", "bf16", "fp16"};
constexpr RecurrentAlgorithm kAlgorithms[] = {RecurrentAlgorithm::stepwise, RecurrentAlgorithm::graph,
                                              RecurrentAlgorithm::grid_persistent,
                                              RecurrentAlgorithm::cluster_persistent};

AlgorithmRecord record_of(const Key& key) {
  AlgorithmRecord r;
  r.device = key.device;
  r.precision = key.precision;
  r.backward = key.backward, r.ragged = key.ragged;
  r.hidden = key.H, r.batch = key.B, r.time = Index{1} << key.T_log2;
  return r;
}

Key key_of(const AlgorithmRecord& r) {
  return {r.device,
          r.precision,
          r.backward,
          r.ragged,
          r.hidden,
          r.batch,
          static_cast<int>(std::bit_width(static_cast<std::uint64_t>(r.time))) - 1};
}

// ---- trials

template <class Arguments>
constexpr bool kBackward = std::is_same_v<Arguments, BackwardArguments<float>>;

/// Relative error up to which two orders of summation agree: operands are rounded again at each step, so a difference
/// in the last bit of a sum becomes one of the operand's precision.
double tolerance(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return 1e-4;
    case Precision::tf32x3:
      return 2e-4;
    case Precision::tf32:
      return 0x1p-8;
    case Precision::fp16:
      return 0x1p-8;
    case Precision::bf16:
      return 0x1p-5;
  }
  return 0;
}

/// ||a - b|| / ||b||; infinite if a value is not finite.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    norm += double(b[i]) * b[i];
  }
  const double relative = std::sqrt(difference / std::max(norm, 1e-30));
  return std::isfinite(relative) ? relative : std::numeric_limits<double>::infinity();
}

/// A pass of few steps with the weights of a real one, and random values for all else.
class Trial {
 public:
  template <class Arguments>
  Trial(const Arguments& a, Precision precision) : precision_(precision) {
    const Index H = a.H, B = a.step_order.B, NH = 4 * H;
    T_ = std::clamp<Index>(kElements / std::max<Index>(NH * B, 1), 8, 64);
    T_ = std::min(T_, a.step_order.T);
    StepOrder order{B, T_, a.step_order.reverse, nullptr};
    if (a.step_order.lengths) {
      for (Index b = 0; b < B; ++b) lengths_.push_back(static_cast<std::int32_t>(std::max<Index>(T_ - b % T_, 1)));
      device_lengths_.resize(B);
      copy_from_host(device_lengths_.data(), lengths_.data(), lengths_.size() * sizeof(std::int32_t));
      order.lengths = device_lengths_.data();
    }
    random(Z_, NH * B * T_, 1), random(h0_, H * B, 0.5), random(c0_, H * B, 0.5), random(bias_, NH, 0.5);
    for (auto* buffer : {&c_, &tanh_c_, &y_}) buffer->resize(H * B * T_);
    gates_.resize(NH * B * T_);
    const bool low = on_16_bits(precision);
    if (low) h_low_.resize(H * B * (T_ + 1));
    low_ = {low ? h_low_.data() : nullptr, precision == Precision::fp16};
    forward_ = {.H = H,
                .P = H,
                .step_order = order,
                .first = 0,
                .last = T_,
                .R = a.R,
                .projection = nullptr,
                .peepholes = nullptr,
                .bias = bias_.data(),
                .gates = gates_.data(),
                .h0 = h0_.data(),
                .c0 = c0_.data(),
                .c = c_.data(),
                .tanh_c = tanh_c_.data(),
                .y = {y_.data(), H},
                .m = nullptr,
                .h_low = low_,
                .m_low = {}};
    if constexpr (kBackward<Arguments>) {
      random(dy_, H * B * T_, 1), random(dh_start_, H * B, 1), random(dc_start_, H * B, 1);
      for (auto* buffer : {&dh_end_, &dc_, &dh_}) buffer->resize(H * B);
      dz_.resize(NH * B * T_);
      if (low) dz_low_.resize(NH * B * T_);
      run(RecurrentAlgorithm::stepwise, forward_);  // its gates, c and y
      backward_ = {.H = H,
                   .P = H,
                   .step_order = order,
                   .first = 0,
                   .last = T_ + 1,
                   .R = a.R,
                   .projection = nullptr,
                   .peepholes = nullptr,
                   .gates = gates_.data(),
                   .h0 = h0_.data(),
                   .c0 = c0_.data(),
                   .c = c_.data(),
                   .tanh_c = tanh_c_.data(),
                   .y = {y_.data(), H},
                   .dy = {dy_.data(), H},
                   .dh_end = dh_end_.data(),
                   .dc = dc_.data(),
                   .dh = dh_.data(),
                   .dz = dz_.data(),
                   .dh_total = nullptr,
                   .dm = nullptr,
                   .dz_low = {low ? dz_low_.data() : nullptr, precision == Precision::fp16},
                   .dh_low = {}};
    }
  }

  Index steps() const { return T_; }

  /// Enqueues the pass; false if the algorithm does not fit.
  template <bool kIsBackward>
  bool run(RecurrentAlgorithm algorithm) {
    if constexpr (kIsBackward) {
      copy_bytes(dh_start_, dh_end_), copy_bytes(dc_start_, dc_);
      return run(algorithm, backward_);
    } else {
      return run(algorithm, forward_);
    }
  }

  /// The results, on the host; zero in the padding, where each algorithm may leave what it likes.
  template <bool kIsBackward>
  std::vector<float> results() const {
    std::vector<float> all;
    const Index B = forward_.step_order.B;
    for (const auto* buffer : kIsBackward ? std::vector{&dz_, &dh_end_, &dc_} : std::vector{&y_, &c_, &gates_}) {
      const std::size_t at = all.size();
      all.resize(at + static_cast<std::size_t>(buffer->size()));
      fetch(buffer->data(), all.data() + at, buffer->size());
      if (lengths_.empty() || buffer == &dh_end_ || buffer == &dc_) continue;
      const Index rows = buffer->size() / (B * T_);
      for (Index b = 0; b < B; ++b)
        for (Index t = lengths_[static_cast<std::size_t>(b)]; t < T_; ++t)
          std::fill_n(all.data() + static_cast<Index>(at) + rows * (b + B * t), rows, 0.0f);
    }
    return all;
  }

 private:
  static constexpr Index kElements = Index{1} << 22;  // of gates: 16 MB

  static bool on_16_bits(Precision p) { return p == Precision::bf16 || p == Precision::fp16; }

  void random(Buffer<float, Cuda>& to, Index count, double scale) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = static_cast<float>(scale * (2 * rng_.uniform() - 1));
    to.resize(count);
    copy_from_host(to.data(), values.data(), values.size() * sizeof(float));
  }
  static void copy_bytes(const Buffer<float, Cuda>& from, Buffer<float, Cuda>& to) {
    detail::copy_bytes(from.data(), to.data(), static_cast<std::size_t>(from.size()) * sizeof(float));
  }

  bool run(RecurrentAlgorithm algorithm, const ForwardArguments<float>& a) {
    copy_bytes(Z_, gates_);
    if (low_.data) round_to_low(MatrixView<const float>{h0_.data(), a.H, a.step_order.B, a.H}, low_.fp16, low_.data);
    return enqueue(algorithm, a);
  }
  bool run(RecurrentAlgorithm algorithm, const BackwardArguments<float>& a) { return enqueue(algorithm, a); }

  template <class Arguments>
  bool enqueue(RecurrentAlgorithm algorithm, const Arguments& a) {
    barrier_.resize(1);
    if (algorithm == RecurrentAlgorithm::grid_persistent)
      return enqueue_grid_persistent(a, precision_, barrier_.data());
    if (algorithm == RecurrentAlgorithm::cluster_persistent) return enqueue_cluster_persistent(a, precision_);
    LowPrecisionWeights low;
    if (low_.data) {
      const MatrixView<const float> R{a.R, 4 * a.H, a.H, 4 * a.H};
      R_low_.resize(R.rows * R.cols);
      round_to_low(R, low_.fp16 && !kBackward<Arguments>, R_low_.data());
      low.R = R_low_.data();
    }
    const auto launches = [&] { enqueue_stepwise<LstmCell>(a, precision_, low); };
    if (algorithm == RecurrentAlgorithm::graph)
      graphs_.run(std::pair{a, low}, launches);
    else
      launches();
    return true;
  }

  Precision precision_;
  Index T_ = 0;
  Rng rng_{1};
  LowPrecision low_;
  ForwardArguments<float> forward_;
  BackwardArguments<float> backward_;
  std::vector<std::int32_t> lengths_;  // empty: dense
  Buffer<std::int32_t, Cuda> device_lengths_;
  Buffer<float, Cuda> Z_, gates_, bias_, h0_, c0_, c_, tanh_c_, y_;
  Buffer<float, Cuda> dy_, dh_start_, dc_start_, dh_end_, dc_, dh_, dz_;
  Buffer<std::uint16_t, Cuda> h_low_, dz_low_, R_low_;
  Buffer<std::uint32_t, Cuda> barrier_;
  GraphCache graphs_;
};

/// Microseconds per step: the shortest of three runs.
template <bool kIsBackward>
double time_per_step(Trial& trial, RecurrentAlgorithm algorithm) {
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  float shortest = std::numeric_limits<float>::infinity();
  for (int n = 0; n < 3; ++n) {
    float milliseconds = 0;
    check(cudaEventRecord(begin, context().stream), "cudaEventRecord");
    trial.run<kIsBackward>(algorithm);
    check(cudaEventRecord(end, context().stream), "cudaEventRecord");
    check(cudaEventSynchronize(end), "cudaEventSynchronize");
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    shortest = std::min(shortest, milliseconds);
  }
  cudaEventDestroy(begin), cudaEventDestroy(end);
  return 1e3 * shortest / static_cast<double>(trial.steps());
}

/// Stepwise, and the two others that the cost model expects to be fastest, the fastest first.
std::vector<AlgorithmTrial> candidates(const DeviceInfo& device, const AlgorithmRecord& r) {
  std::vector<AlgorithmTrial> all;
  for (RecurrentAlgorithm algorithm : kAlgorithms) {
    const double expected = expected_step_time(device, algorithm, r.precision, r.hidden, r.batch, r.backward);
    if (std::isfinite(expected)) all.push_back({algorithm, expected, 0, 0, true});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const AlgorithmTrial& a, const AlgorithmTrial& b) { return a.expected < b.expected; });
  for (int kept = 0; auto& t : all)
    if (t.algorithm != RecurrentAlgorithm::stepwise && ++kept > 2) t.expected = std::numeric_limits<double>::infinity();
  std::erase_if(all, [](const AlgorithmTrial& t) { return std::isinf(t.expected); });
  return all;
}

template <class Arguments>
void try_candidates(const Arguments& a, AlgorithmChoice how, AlgorithmRecord& r) {
  constexpr bool kIsBackward = kBackward<Arguments>;
  Trial trial(a, r.precision);
  trial.run<kIsBackward>(RecurrentAlgorithm::stepwise);
  const std::vector<float> wanted = trial.results<kIsBackward>();
  r.trials = candidates(context().device, r);
  for (AlgorithmTrial& t : r.trials) {
    const int runs = t.algorithm == RecurrentAlgorithm::graph ? 2 : 1;  // the second one is captured and replayed
    for (int n = 0; n < runs && t.agrees; ++n) t.agrees = trial.run<kIsBackward>(t.algorithm);
    if (!t.agrees) {
      t.error = std::numeric_limits<double>::infinity();
      continue;
    }
    t.error = distance(trial.results<kIsBackward>(), wanted);
    t.agrees = t.error <= tolerance(r.precision);
    if (t.agrees && how == AlgorithmChoice::measured) t.measured = time_per_step<kIsBackward>(trial, t.algorithm);
  }
  // From the simplest to the most complex one: a complex one must be 10 % faster.
  const AlgorithmTrial* best = nullptr;
  for (RecurrentAlgorithm algorithm : kAlgorithms)
    for (const AlgorithmTrial& t : r.trials) {
      if (t.algorithm != algorithm || !t.agrees) continue;
      const bool faster = how == AlgorithmChoice::measured ? best && t.measured < 0.9 * best->measured
                                                           : best && t.expected < 0.9 * best->expected;
      if (!best || faster) best = &t;
    }
  r.algorithm = best ? best->algorithm : RecurrentAlgorithm::stepwise;
}

template <class Arguments>
RecurrentAlgorithm choose(const Arguments& a, Precision precision) {
  const Context::Impl& current = context();
  const Key key{device_text(),
                precision,
                kBackward<Arguments>,
                a.step_order.lengths != nullptr,
                a.H,
                a.step_order.B,
                static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<Index>(a.step_order.T, 1)))) - 1};
  {
    const std::lock_guard guard(store().lock);
    if (const auto found = store().records.find(key); found != store().records.end()) return found->second.algorithm;
  }
  if (is_captured(current.stream)) return RecurrentAlgorithm::stepwise;
  AlgorithmRecord r = record_of(key);
  try_candidates(a, current.choice, r);
  const std::lock_guard guard(store().lock);
  return store().records.emplace(key, r).first->second.algorithm;
}

}  // namespace

RecurrentAlgorithm choose_algorithm(const ForwardArguments<float>& a, Precision precision) {
  return choose(a, precision);
}
RecurrentAlgorithm choose_algorithm(const BackwardArguments<float>& a, Precision precision) {
  return choose(a, precision);
}

RecurrentAlgorithm known_choice(Index H, Precision precision) {
  const std::string& device = device_text();
  const std::lock_guard guard(store().lock);
  for (const auto& [key, record] : store().records)
    if (key.device == device && key.precision == precision && !key.backward && key.H == H) return record.algorithm;
  return RecurrentAlgorithm::automatic;
}

// ---- for users

std::vector<AlgorithmRecord> algorithm_records() {
  const std::lock_guard guard(store().lock);
  std::vector<AlgorithmRecord> all;
  for (const auto& [key, record] : store().records) all.push_back(record);
  return all;
}

void clear_algorithm_records() {
  const std::lock_guard guard(store().lock);
  store().records.clear();
}

// One line a choice, tab-separated: device, precision, direction of the pass, extent, H, B, T, algorithm, and the
// trials.
void save_algorithm_records(const std::string& path) {
  std::ofstream out(path);
  out << "# rondo: algorithms of recurrent layers\n";
  for (const AlgorithmRecord& r : algorithm_records())
    out << r.device << '\t' << kPrecisions[static_cast<int>(r.precision)] << '\t'
        << (r.backward ? "backward" : "forward") << '\t' << (r.ragged ? "ragged" : "dense") << '\t' << r.hidden << '\t'
        << r.batch << '\t' << r.time << '\t' << name(r.algorithm) << '\n';
  out.close();
  if (!out) throw error(rondo::detail::concat("rondo::cuda: ", path, " could not be written"));
}

void load_algorithm_records(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw error(rondo::detail::concat("rondo::cuda: ", path, " could not be read"));
  const auto fail = [&](int line, const std::string& what) {
    throw error(rondo::detail::concat("rondo::cuda: ", path, ":", line, ": ", what));
  };
  std::vector<AlgorithmRecord> read;
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    if (text.empty() || text[0] == '#') continue;
    std::vector<std::string> parts;
    std::istringstream split(text);
    for (std::string part; std::getline(split, part, '\t');) parts.push_back(part);
    if (parts.size() != 8) fail(line, rondo::detail::concat(parts.size(), " fields, wanted 8, separated by tabs"));
    AlgorithmRecord r;
    r.device = parts[0];
    const auto precision = std::find(std::begin(kPrecisions), std::end(kPrecisions), parts[1]);
    if (precision == std::end(kPrecisions)) fail(line, "unknown precision " + parts[1]);
    r.precision = static_cast<Precision>(precision - std::begin(kPrecisions));
    r.backward = parts[2] == "backward", r.ragged = parts[3] == "ragged";
    if ((!r.backward && parts[2] != "forward") || (!r.ragged && parts[3] != "dense"))
      fail(line, "wanted forward or backward, dense or ragged, got " + parts[2] + ", " + parts[3]);
    for (const auto& [to, part] : {std::pair{&r.hidden, 4}, {&r.batch, 5}, {&r.time, 6}}) {
      std::istringstream number(parts[static_cast<std::size_t>(part)]);
      if (!(number >> *to) || !number.eof() || *to < 1)
        fail(line, parts[static_cast<std::size_t>(part)] + " is not a positive number");
    }
    const auto algorithm = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                        [&](RecurrentAlgorithm k) { return parts[7] == name(k); });
    if (algorithm == std::end(kAlgorithms)) fail(line, "unknown algorithm " + parts[7]);
    r.algorithm = *algorithm;
    read.push_back(std::move(r));
  }
  const std::lock_guard guard(store().lock);
  for (AlgorithmRecord& r : read) store().records[key_of(r)] = r;
}

}  // namespace rondo::inline RONDO_ABI::cuda
