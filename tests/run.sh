#!/usr/bin/env bash
# Builds everything with warnings as errors and runs every test: the optimised build first, with the CUDA backend for
# sm_80 and sm_90 if nvcc is found; then everything with AddressSanitizer and UndefinedBehaviorSanitizer; then the
# CUDA kernels on the host executor with ThreadSanitizer. Requires no GPU; tests/run_gpu.sh uses one. Installs missing
# packages.
# Usage: bash tests/run.sh [--quick] [--slow] [--configure-only]
#   --quick            only the optimised build
#   --slow             also mutate every term of the equations in turn and require that the tests fail
#   --configure-only   configure the builds and stop; installs nothing
# Ends with one line: N passed, N failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/install.sh

sanitize=1 slow=0 configure_only=0
for option in "$@"; do
  case $option in
    --quick) sanitize=0 ;;
    --slow) slow=1 ;;
    --configure-only) configure_only=1 ;;
    *) echo "tests/run.sh: unknown option $option; wanted --quick, --slow, --configure-only" >&2; exit 2 ;;
  esac
done

python=build/python/bin/python

# nvcc is often installed outside PATH
if ! command -v nvcc > /dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then PATH=$PATH:/usr/local/cuda/bin; fi
cuda=OFF
if command -v nvcc > /dev/null; then
  cuda=ON
else
  echo "nvcc was not found: the CUDA backend is compiled for the host executor only"
fi

# configure PRESET: the preset sets every option, so the state of an existing build folder has no influence.
configure() {
  local optimised=OFF with_cuda=OFF
  [ "$1" != release ] || optimised=ON with_cuda=$cuda
  cmake --preset "$1" -DRONDO_BUILD_EXAMPLES=ON -DRONDO_BUILD_TESTS=ON -DRONDO_BUILD_BENCHMARKS=$optimised \
    -DRONDO_WARNINGS_AS_ERRORS=ON -DRONDO_CUDA=$with_cuda "-DRONDO_CUDA_ARCHITECTURES=80-real;90-real" \
    -DRONDO_TEST_PYTHON="$PWD/$python" > /dev/null
}

if [ $configure_only -eq 1 ]; then
  configure release
  [ $sanitize -eq 0 ] || { configure asan && configure tsan; }
  exit
fi

install_packages g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libcli11-dev catch2 libbenchmark-dev python3 python3-venv

# A browser for the tests of pages, a synthesizer for those of audio.
install_if_offered chromium chromium-driver libfluidsynth-dev timgm6mb-soundfont

# Python packages for comparisons: symusic reads MIDI files. Tests whose package is missing are skipped.
if [ ! -x "$python" ]; then
  python3 -m venv build/python
fi
"$python" -m pip install --quiet --disable-pip-version-check numpy symusic mido selenium || echo "symusic or selenium could not be installed: its tests are skipped"
# PyTorch is the reference for recurrent networks. It is a large download.
"$python" -c "import torch" 2> /dev/null || "$python" -m pip install --quiet --disable-pip-version-check torch ||
  echo "torch could not be installed: comparisons of random networks and of a training run with PyTorch are skipped"

logs=build/test-logs
mkdir -p "$logs"
passed=0 failed=0

# run_preset NAME TESTS TARGET...: configures, builds, runs the tests whose names match, and adds to the counts.
run_preset() {
  local preset=$1 tests=$2
  shift 2
  echo "== $preset"
  configure "$preset"
  if ! cmake --build --preset "$preset" --target "$@"; then
    echo "the $preset build failed"
    failed=$((failed + 1))
    return
  fi
  local without=slow  # excluded labels
  [ $slow -eq 0 ] || without=none
  [ "$preset" = release ] || without="$without|optimised"
  ctest --preset "$preset" -R "$tests" -j "$(nproc)" -LE "$without" --output-junit "$PWD/$logs/$preset.xml" > "$logs/$preset.out" 2>&1 || true
  grep -E "Failed|\*\*\*|Skipped" "$logs/$preset.out" | grep -v "tests passed" || true
  local counts
  counts=$(python3 - "$logs/$preset.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot()
tests, bad, skipped = (int(suite.get(k, 0)) for k in ("tests", "failures", "skipped"))
disabled = int(suite.get("disabled", 0))
print(tests - bad - skipped - disabled, bad if tests else 1)
PY
  )
  set -- $counts
  passed=$((passed + $1)) failed=$((failed + $2))
  if [ "$2" -gt 0 ]; then tail -n 200 "$logs/$preset.out"; fi
}

run_preset release . all all_verify_interface_header_sets  # every header also compiles alone
if [ $sanitize -eq 1 ]; then
  run_preset asan . all
  run_preset tsan '^cuda_(host|races):' test_cuda_host test_cuda_races
fi
if [ $slow -eq 1 ]; then
  if python3 tests/mutate_equations.py; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
