// SPDX-License-Identifier: MIT
#include "piano/audio/synthesizer.hpp"

#include <stdexcept>

namespace piano {

const char* missing_synthesizer() {
  return "this program was built without FluidSynth; install its library (Debian: libfluidsynth-dev) and build again";
}

std::vector<float> synthesize(const rondo::midi::File&, const std::filesystem::path&) {
  throw std::runtime_error(missing_synthesizer());
}

}  // namespace piano
