#!/usr/bin/env bash
# Builds everything with warnings as errors and runs the tests. Requires no GPU; tests/run_gpu.sh uses one. Installs
# missing packages.
# Usage: bash tests/run.sh [--full] [--slow] [--configure-only]
#   (no option)        the optimised build and its tests: about ten minutes on two cores
#   --full             also: every header on its own, CUDA for sm_80 and sm_90 where nvcc is installed, comparisons with
#                      PyTorch, packages, API reference, style, all unit tests under AddressSanitizer and
#                      UndefinedBehaviorSanitizer, CUDA kernels on the host executor under ThreadSanitizer, and a
#                      sample of the mutants of the equations. Continuous integration runs this.
#   --slow             also: all mutants, the tests that train for minutes, and the programs under the sanitizers
#   --configure-only   configure the builds and stop; installs nothing
# RONDO_TEST_MINUTES=N in the environment: what has not ended after N minutes is stopped and not counted; a line says so.
# Ends with one line: N passed, N failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/install.sh

full=0 slow=0 configure_only=0
for option in "$@"; do
  case $option in
    --full) full=1 ;;
    --slow) slow=1 ;;
    --configure-only) configure_only=1 ;;
    *) echo "tests/run.sh: unknown option $option; known: --full, --slow, --configure-only" >&2; exit 2 ;;
  esac
done

python=build/python/bin/python

# nvcc is often installed outside the PATH.
if ! command -v nvcc > /dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then PATH=$PATH:/usr/local/cuda/bin; fi
cuda=OFF
if [ $full -eq 1 ]; then
  if command -v nvcc > /dev/null; then cuda=ON; else echo "nvcc is not installed: CUDA sources are compiled for the host executor only"; fi
fi

# configure PRESET: sets every option, so that a used build folder gives the same build as a new one.
configure() {
  local benchmarks=OFF with_cuda=OFF cuda_on_host=OFF with_onnx=OFF with_mpi=OFF warnings_as_errors=OFF
  [ $full -eq 0 ] || cuda_on_host=ON
  [ $full -eq 0 ] || [ "$1" != release ] || benchmarks=ON with_cuda=$cuda
  # ONNX files are tested where the ONNX messages are installed (Debian: libonnx-dev).
  [ $full -eq 0 ] || [ "$1" != release ] || [ ! -d /usr/include/onnx ] || with_onnx=ON
  # Training by several processes is tested where MPI is installed (Debian: libopenmpi-dev).
  [ $full -eq 0 ] || [ "$1" != release ] || ! command -v mpicxx > /dev/null || with_mpi=ON
  # Sanitizers add false warnings; the release build has compiled the same sources.
  [ "$1" != release ] || warnings_as_errors=ON
  cmake --preset "$1" -DRONDO_BUILD_EXAMPLES=ON -DRONDO_BUILD_TESTS=ON -DRONDO_BUILD_BENCHMARKS=$benchmarks \
    -DRONDO_WARNINGS_AS_ERRORS=$warnings_as_errors -DRONDO_TEST_CUDA_ON_HOST=$cuda_on_host -DRONDO_CUDA=$with_cuda -DRONDO_ONNX=$with_onnx -DRONDO_MPI=$with_mpi "-DRONDO_CUDA_ARCHITECTURES=80-real;90-real" \
    -DRONDO_TEST_PYTHON="$PWD/$python" > /dev/null
}

if [ $configure_only -eq 1 ]; then
  configure release
  [ $full -eq 0 ] || { configure asan && configure tsan; }
  exit
fi

install_packages g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libcli11-dev catch2 libbenchmark-dev python3 python3-venv
# Chromium and Emscripten for the tests of pages, FluidSynth for those of audio.
install_if_offered chromium chromium-driver emscripten libfluidsynth-dev timgm6mb-soundfont
[ $full -eq 0 ] || install_if_offered libsndfile1-dev libopenmpi-dev openmpi-bin libmpich-dev mpich libonnx-dev libprotobuf-dev protobuf-compiler clang clang-format-14 doxygen graphviz pkg-config dpkg-dev
# A compiler and an emulator for Arm microcontrollers.
[ $full -eq 0 ] || apt_options=--no-install-recommends install_if_offered gcc-arm-none-eabi qemu-system-arm
# A compiler and an emulator for 64-bit Arm.
[ $full -eq 0 ] || install_if_offered g++-aarch64-linux-gnu qemu-user

# pip_install NAME...: Python packages that some tests compare with. Tests whose package is missing are skipped.
[ -x "$python" ] || python3 -m venv build/python
pip_install() {
  "$python" -m pip install --quiet --disable-pip-version-check "$@" || echo "could not install $*: their tests are skipped"
}
"$python" -c "import numpy, symusic, mido, selenium" 2> /dev/null || pip_install numpy symusic mido selenium
if [ $full -eq 1 ]; then  # large: downloaded during the first build
  {
    "$python" -c "import torch, safetensors, onnx, onnxruntime, onnxscript, expecttest" 2> /dev/null || pip_install torch safetensors onnx onnxruntime onnxscript expecttest setuptools
    "$python" -c "import conan" 2> /dev/null || pip_install conan
  } &
fi

logs=build/test-logs
rm -rf "$logs" && mkdir -p "$logs"
passed=0 failed=0

# stage NAME: prints a heading with the time since the start.
stage() { printf '== %s (%d min %02d s)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

# in_time COMMAND...: stops it when the time of RONDO_TEST_MINUTES is over; then the status is 124.
in_time() {
  if [ -z "${RONDO_TEST_MINUTES:-}" ]; then "$@"; return; fi
  local left=$((60 * RONDO_TEST_MINUTES - SECONDS))
  [ $left -gt 0 ] || return 124
  timeout $left "$@"
}

# stopped WHAT: says that in_time has stopped it.
stopped() { echo "stopped after RONDO_TEST_MINUTES=$RONDO_TEST_MINUTES, and not counted: $1"; }

# counted COMMAND...: one test by its exit status.
counted() {
  local status=0
  in_time "$@" || status=$?
  case $status in
    0) passed=$((passed + 1)) ;;
    124) stopped "$*" ;;
    *) failed=$((failed + 1)) && echo "failed: $*" ;;
  esac
}

# run_preset NAME TARGET... -- SELECTION...: configures, builds, runs the tests that ctest selects; adds to the counts.
run_preset() {
  local preset=$1 targets=() status=0
  shift
  while [ "$1" != -- ]; do targets+=("$1"); shift; done
  shift
  stage "$preset: build"
  configure "$preset"
  in_time cmake --build --preset "$preset" --target "${targets[@]}" || status=$?
  if [ $status -eq 124 ]; then
    stopped "the $preset build and its tests"
    [ "$preset" != release ] || failed=$((failed + 1))  # then nothing was tested
    return
  elif [ $status -ne 0 ]; then
    echo "the $preset build failed"
    failed=$((failed + 1))
    return
  fi
  wait  # for Python's packages
  stage "$preset: tests"
  local without  # excluded labels
  without=$([ $slow -eq 1 ] && echo none || echo slow)
  [ $full -eq 1 ] || without="$without|full"
  [ "$preset" = release ] || without="$without|optimised"
  in_time ctest --preset "$preset" "$@" -j "$(nproc)" -LE "$without" > "$logs/$preset.out" 2>&1 || status=$?
  [ $status -ne 124 ] || stopped "tests of the $preset build that had not ended"
  grep -E "Failed|\*\*\*|Skipped" "$logs/$preset.out" | grep -v "tests passed" || true
  local ended='^ *[0-9]+/[0-9]+ Test +#[0-9]+: '
  local good bad
  good=$(grep -cE "$ended.* Passed +[0-9.]+ sec" "$logs/$preset.out" || true)
  bad=$(grep -E "$ended.*\.\*\*\*" "$logs/$preset.out" | grep -cvE "\*\*\*(Skipped|Not Run \(Disabled\))" || true)
  # None at all, or a failure of ctest itself, is one, too.
  [ $((good + bad)) -gt 0 ] && [ $status -eq 0 -o $status -eq 124 -o $bad -gt 0 ] || bad=$((bad + 1))
  passed=$((passed + good)) failed=$((failed + bad))
}

run_preset release all -- -R .
if [ $full -eq 1 ]; then run_preset tsan test_cuda_host test_cuda_races -- -R '^cuda_(host|races):'; fi
if [ $full -eq 1 ] || [ $slow -eq 1 ]; then
  stage "mutants of the equations"
  if [ $slow -eq 1 ]; then counted python3 tests/mutate_equations.py; else counted python3 tests/mutate_equations.py --sample 20; fi
fi
if [ $full -eq 1 ]; then  # the longest of the sanitizers last
  if [ $slow -eq 1 ]; then run_preset asan all -- -R .; else run_preset asan unit_tests -- -L unit; fi
fi
stage end

# What the tests that failed have printed last, here where a truncated log still shows it.
python3 - "$logs" <<'PY'
import pathlib, re, sys
failures = []  # of ctest, which prints the output of a test after its line
for log in sorted(pathlib.Path(sys.argv[1]).glob("*.out")):
    lines = None
    for line in log.read_text(errors="replace").splitlines():
        if re.match(r" *\d+/\d+ Test +#\d+: ", line):
            lines = None
            if re.search(r"\.\*\*\*(?!Skipped|Not Run)", line):
                failures.append((f"{log.stem}: {line.strip()}", lines := []))
        elif re.match(r" +Start +\d+: |\d+% tests passed", line):
            lines = None
        elif lines is not None:
            lines.append(line)
for test, lines in failures[:10]:
    print(f"-- {test}; its last lines:")
    print("\n".join("\n".join(lines).rstrip().splitlines()[-20:]))
PY

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
