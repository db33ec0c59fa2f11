#!/usr/bin/env bash
# Measures the compile time of files that use Rondo, with both forms of the network (rondo::nn_header_only, rondo::nn).
# Prints a table in Markdown: user time (median) and peak memory of the compiler, the time relative to a file with one
# Eigen product, and the size of the stripped program. Usage: bash bench/compile_time.sh [--runs N] [--no-size]
#   --runs N    compile each file N times; default 3
#   --no-size   do not build the library and do not link programs
#
# Compiles bench/compile_time/*.cpp with -std=c++20 -O2, with those of g++ and clang++ that are installed. The sizes need
# the static library, which CMake builds in build/compile_time. Needs GNU time (Debian package time).
#
# RONDO_EIGEN_DIR=DIR   include folder of Eigen; default: that of pkg-config, otherwise /usr/include/eigen3
set -euo pipefail
cd "$(dirname "$0")/.."

runs=3 sizes=1
while [ $# -gt 0 ]; do
  case $1 in
    --runs)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || { echo "bench/compile_time.sh: --runs must be a positive number" >&2; exit 2; }
      runs=$2
      shift 2
      ;;
    --no-size) sizes=0; shift ;;
    *) echo "bench/compile_time.sh: unknown option $1; wanted --runs N, --no-size" >&2; exit 2 ;;
  esac
done

[ -x /usr/bin/time ] || { echo "bench/compile_time.sh: /usr/bin/time is not installed" >&2; exit 1; }
eigen=${RONDO_EIGEN_DIR:-$(pkg-config --variable=includedir eigen3 2> /dev/null || true)}
[ -d "${eigen:-}/Eigen" ] || eigen=${eigen:-/usr/include}/eigen3
[ -d "$eigen/Eigen" ] || { echo "bench/compile_time.sh: no Eigen in $eigen; set RONDO_EIGEN_DIR" >&2; exit 1; }

compilers=()
for compiler in g++ clang++; do
  if command -v "$compiler" > /dev/null; then compilers+=("$compiler"); fi
done
[ ${#compilers[@]} -gt 0 ] || { echo "bench/compile_time.sh: neither g++ nor clang++ is installed" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=build/compile_time/librondo_nn.a
if [ $sizes = 1 ]; then
  cmake -S . -B build/compile_time -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DCMAKE_CXX_COMPILER="${compilers[0]}" -DRONDO_OPENMP=OFF -DRONDO_NATIVE=OFF -DRONDO_CUDA=OFF -DRONDO_IO=OFF \
    -DRONDO_BUILD_EXAMPLES=OFF -DRONDO_BUILD_TESTS=OFF -DRONDO_BUILD_BENCHMARKS=OFF > /dev/null
  cmake --build build/compile_time --target rondo_nn > /dev/null
fi

# measure COMPILER FILE [OPTION]: sets seconds (median) and megabytes (maximum)
measure() {
  for ((run = 0; run < runs; ++run)); do
    /usr/bin/time -o "$work/run$run" -f "%U %M" \
      "$1" -std=c++20 -O2 -Iinclude -isystem "$eigen" "${@:3}" -c "bench/compile_time/$2.cpp" -o "$work/$2.o"
  done
  seconds=$(cat "$work"/run* | sort -n | awk '{ s[NR] = $1 } END { print s[int((NR + 1) / 2)] }')
  megabytes=$(cat "$work"/run* | awk '$2 > most { most = $2 } END { printf "%.0f", most / 1024 }')
}

# row COMPILER LABEL FILE [OPTION]: prints one row of the table
row() {
  measure "$1" "${@:3}"
  local size=-
  if [ $sizes = 1 ]; then
    local link=()
    if [ "${4-}" = -DRONDO_COMPILED ]; then link=("$library"); fi
    "$1" "$work/$3.o" "${link[@]}" -o "$work/$3"
    strip "$work/$3"
    size="$(($(wc -c < "$work/$3") / 1024)) KB"
  fi
  if [ "$3" = eigen ]; then unit=$seconds; fi
  local ratio
  ratio=$(awk -v a="$seconds" -v b="$unit" 'BEGIN { printf "%.1f", a / b }')
  echo "| $2 | $seconds | $ratio | $megabytes | $size |"
}

for compiler in "${compilers[@]}"; do
  echo
  "$compiler" --version | head -n 1
  echo
  echo "| file | user s | x Eigen | peak MB | program |"
  echo "|---|---|---|---|---|"
  row "$compiler" "Eigen: one product" eigen
  row "$compiler" "header-only: rondo.hpp, unused" include
  row "$compiler" "header-only: training step" lstm
  row "$compiler" "header-only: stream" stream
  row "$compiler" "rondo::nn: rondo.hpp, unused" include -DRONDO_COMPILED
  row "$compiler" "rondo::nn: training step" lstm -DRONDO_COMPILED
  row "$compiler" "rondo::nn: stream" stream -DRONDO_COMPILED
done
