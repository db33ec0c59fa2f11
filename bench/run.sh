#!/usr/bin/env bash
# Measures Rondo on this machine, side by side with PyTorch, ONNX Runtime and symusic, and writes
# bench/results/<processor>.md and .json. Installs missing Python packages into build/.
# Usage: bash bench/run.sh [--quick] [--filter REGEX] [--configure-only]
#   --quick          2 short rounds instead of 5: minutes instead of half an hour, with more noise
#   --filter REGEX   only benchmarks with matching names (bench_lstm --benchmark_list_tests lists them); results go to
#                    build/bench/results and do not replace published tables
#   --configure-only configure the build and stop; installs nothing
#
# Rondo is compiled with plain -O2, without -march: what a user gets by default. The libraries take turns, on processor
# 0 for one thread and on processors 0 and 1 for two. The machine should be idle otherwise: load on one of two processors
# delays both threads, which wait for each other.
#
# RONDO_BENCH_PYTHON=/path/to/python   an interpreter that has bench/compare/requirements.txt installed
# RONDO_BENCH_MIDI=DIR                 MIDI files to read, instead of ten generated pieces
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/install.sh

results=bench/results
options=()

# The preset sets every option, so the state of an existing build folder has no influence.
configure() {
  cmake --preset default -B build/bench -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DRONDO_BUILD_EXAMPLES=OFF -DRONDO_BUILD_TESTS=OFF -DRONDO_BUILD_BENCHMARKS=ON -DRONDO_NATIVE=OFF -DRONDO_CUDA=OFF \
    -DRONDO_OPENMP=ON > /dev/null
}

while [ $# -gt 0 ]; do
  case $1 in
    --quick) options+=(--quick); shift ;;
    --filter)
      [ $# -ge 2 ] || { echo "bench/run.sh: --filter requires a regular expression" >&2; exit 2; }
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
