#!/usr/bin/env bash
# Measures Rondo on this machine, beside PyTorch, ONNX Runtime and symusic, and writes bench/results/<processor>.md and
# .json. Installs what is missing, into build/. Usage: bash bench/run.sh [--quick] [--filter REGEX] [--configure-only]
#   --quick          2 short rounds instead of 5: minutes instead of half an hour, and noisier
#   --filter REGEX   only benchmarks whose names it is found in (bench_lstm --benchmark_list_tests lists them); what
#                    comes of it goes to build/bench/results, so that published tables stay whole
#   --configure-only configure the build and stop; installs nothing
#
# Rondo is compiled with plain -O2, without -march or any other flag of the machine: what a user gets who adds the
# headers. All sides run in turns, on processor 0 for one thread and on processors 0 and 1 for two. Leave the machine
# alone meanwhile: two threads that wait for each other suffer most from a third.
#
# RONDO_BENCH_PYTHON=/path/to/python   an interpreter that has bench/compare/requirements.txt installed
# RONDO_BENCH_MIDI=DIR                 MIDI files to read, instead of ten pieces made up
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/install.sh

results=bench/results
options=()

# The preset states every option, so a build folder that another command has used is no different from a new one.
configure() {
  cmake --preset default -B build/bench -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DRONDO_BUILD_EXAMPLES=OFF -DRONDO_BUILD_TESTS=OFF -DRONDO_BUILD_BENCHMARKS=ON -DRONDO_NATIVE=OFF -DRONDO_CUDA=OFF \
    -DRONDO_OPENMP=ON > /dev/null
}

while [ $# -gt 0 ]; do
  case $1 in
    --quick) options+=(--quick); shift ;;
    --filter)
      [ $# -ge 2 ] || { echo "bench/run.sh: --filter wants a regular expression" >&2; exit 2; }
      options+=(--filter "$2") results=build/bench/results
      shift 2
      ;;
    --configure-only) configure; exit ;;
    *) echo "bench/run.sh: unknown option $1; wanted --quick, --filter REGEX, --configure-only" >&2; exit 2 ;;
  esac
done

install_packages g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libbenchmark-dev python3 python3-venv

configure
cmake --build build/bench --target bench_lstm bench_midi

python=${RONDO_BENCH_PYTHON:-build/bench-python/bin/python}
if [ -z "${RONDO_BENCH_PYTHON:-}" ]; then
  [ -x "$python" ] || python3 -m venv build/bench-python
  "$python" -m pip install --quiet --disable-pip-version-check -r bench/compare/requirements.txt
fi

midi=${RONDO_BENCH_MIDI:-build/bench/midi}
[ -n "${RONDO_BENCH_MIDI:-}" ] || build/bench/bin/bench_midi --save "$midi"

exec "$python" bench/compare/run.py --bin build/bench/bin --midi "$midi" --results "$results" "${options[@]}"
