// SPDX-License-Identifier: MIT
// An audio effect: a sound file goes block by block, as in an audio callback, through a .nam, GuitarML, AIDA-X or
// RTNeural model. realtime MODEL IN.wav OUT.wav [samples per block]
#include <rondo/io/read_model.hpp>
#include <rondo/io/streaming_model.hpp>

#include "rondo/wav.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <vector>

namespace {

int run(int argc, char** argv) {
  const int block = argc == 5 ? std::atoi(argv[4]) : 64;
  if (argc < 4 || argc > 5 || block < 1 || block > 1 << 20) {
    std::fprintf(stderr, "usage: realtime MODEL IN.wav OUT.wav [samples per block, default 64]\n");
    return 2;
  }
  const rondo::ModelDescription file = rondo::read_model(argv[1]);
  rondo::StreamingModel<float> model(file);
  const tool::Sound in = tool::read_wav(argv[2]);
  if (file.sample_rate > 0 && file.sample_rate != in.sample_rate)
    std::fprintf(stderr, "realtime: the file has %d Hz, the model is for %g Hz\n", in.sample_rate, file.sample_rate);

  // The work of an audio callback. It allocates nothing and takes no lock.
  std::vector<float> samples(in.samples.begin(), in.samples.end());
  double total = 0, worst = 0;
  for (std::size_t first = 0; first < samples.size(); first += static_cast<std::size_t>(block)) {
    const auto count = std::min(static_cast<std::size_t>(block), samples.size() - first);
    const std::span<float> now = std::span(samples).subspan(first, count);
    const auto start = std::chrono::steady_clock::now();
    model.process(now, now);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    total += seconds, worst = std::max(worst, seconds);
  }

  tool::write_wav(argv[3], {{samples.begin(), samples.end()}, in.sample_rate});
  const double length = static_cast<double>(samples.size()) / in.sample_rate;
  std::printf(
      "%.3g s of sound in %.3g s, %.3g times real time; the slowest block of %d samples took %.3g of its time\n",
      length, total, length / total, block, worst * in.sample_rate / block);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "realtime: %s\n", e.what());
    return 1;
  }
}
