#!/usr/bin/env bash
# All tests and measurements on a GPU in one call, the most important first: builds the CUDA backend for the GPU, runs
# its tests, compares its speed with torch.nn.LSTM (cuDNN), profiles the persistent kernels, and checks for errors with
# compute-sanitizer. Needs no network.
#
#   bash tests/run_gpu.sh [--out DIR] [--minutes N] [--only STAGE,...] [--headers DIR] [--dry-run]
#   bash tests/run_gpu.sh --collect DIR
#
#   --out DIR      folder for logs and results, a few files ($OUT, else build/gpu-results); if OUT is set, they are
#                  copied there, too
#   --minutes N    time limit for everything (9); stages without enough time are skipped and reported
#   --only STAGES  of build, tests, quick, jitter, full, profile, sanitizer (these, in this order, by default), and
#                  sizes: gradients for all combinations of sizes, a few minutes. Without the stage build an existing
#                  build is used. jitter: kernels that delay blocks at random. profile and sanitizer are skipped where a
#                  first small run of ncu or compute-sanitizer fails.
#   --headers DIR  Eigen, Catch2, nlohmann_json and CLI11 for a machine that lacks them; also from RONDO_GPU_DEPS
#   --collect DIR  creates such a folder from this machine's Debian or Ubuntu packages, and ends
#   --dry-run      without a GPU: runs the measurements on the CPU with tiny shapes, to test this script
#
# Requires nvcc (CUDA Toolkit 12 or later), cmake, ninja, a C++20 compiler; python3 with PyTorch for the comparison
# (RONDO_BENCH_PYTHON selects another interpreter); compute-sanitizer is optional. RONDO_JOBS: parallel compile jobs.
# RONDO_COMMIT: the measured commit, if git is not available. RONDO_GPU_BUILD: build folder (build/gpu).
# RONDO_GPU_CMAKE: further options for cmake, separated by spaces.
#
# Output files: build.log, tests.log, bench.log, profile.log, sanitizer.log, measured.jsonl, algorithms.txt (what
# `automatic` chose, for cuda::load_algorithm_records), profile.json and .md, and <GPU>.md and .json for bench/results.
# Ends with one line: N passed, N failed. Without a GPU it builds, and the tests are skipped.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

headers=${RONDO_GPU_DEPS:-} out=${OUT:-build/gpu-results} minutes=9 only=build,tests,quick,jitter,full,profile,sanitizer dry_run=0
build=${RONDO_GPU_BUILD:-build/gpu}

fail() { echo "tests/run_gpu.sh: $1" >&2; exit "${2:-1}"; }

# collect DIR: copies the files of the packages with their layout under /usr, so that DIR is a prefix for CMake.
collect() {
  command -v dpkg > /dev/null || fail "--collect copies from Debian or Ubuntu packages; on other systems, use --headers with a prefix where they are installed"
  local package packages=(libeigen3-dev catch2 nlohmann-json3-dev libcli11-dev)
  for package in "${packages[@]}"; do
    dpkg -s "$package" > /dev/null 2>&1 || fail "$package is not installed: apt-get install ${packages[*]}"
  done
  mkdir -p "$1"
  dpkg -L "${packages[@]}" | grep -E '^/usr/(include|lib|share/(cmake|eigen3))/' |
    grep -v '/unsupported/' | while read -r file; do [ -d "$file" ] || echo "${file#/usr/}"; done |
    tar -C /usr -cf - -T - | tar -C "$1" -xf - || fail "the packages could not be copied to $1"
  echo "$1: $(find "$1" -type f | wc -l) files, $(du -sh "$1" | cut -f 1)"
}

while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=1; shift; continue ;;
    --headers | --collect | --out | --minutes | --only) [ $# -ge 2 ] || fail "$1 requires a value" 2 ;;
    *) fail "unknown option $1; wanted --out, --minutes, --only, --headers, --dry-run, --collect" 2 ;;
  esac
  case $1 in
    --headers) headers=$2 ;;
    --collect) collect "$2"; exit ;;
    --out) out=$2 ;;
    --minutes) [[ $2 =~ ^[0-9]+$ ]] || fail "--minutes is '$2'" 2; minutes=$2 ;;
    --only) only=$2 ;;
  esac
  shift 2
done
for stage in ${only//,/ }; do
  [[ ,build,tests,quick,jitter,full,profile,sanitizer,sizes, == *,$stage,* ]] || fail "unknown stage '$stage'" 2
done
[ -z "$headers" ] || headers=$(cd "$headers" && pwd) || exit 2
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1

# ---- environment

export PATH=$PATH:/usr/local/cuda/bin:/usr/local/nvidia/bin
export PYTHONUNBUFFERED=1 CMAKE_BUILD_PARALLEL_LEVEL=${RONDO_JOBS:-$(nproc)}
for tool in nvcc cmake ninja python3; do
  command -v $tool > /dev/null || fail "$tool is missing; required are nvcc (of the CUDA Toolkit 12 or later), cmake, ninja and python3, on PATH"
done
python=${RONDO_BENCH_PYTHON:-python3}
commit=${RONDO_COMMIT:-$(git describe --always --dirty --abbrev=12 2> /dev/null || echo unknown)}

if command -v nvidia-smi > /dev/null && ! nvidia-smi > /dev/null 2>&1; then echo "nvidia-smi: $(nvidia-smi 2>&1 | head -n 1)"; fi
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | head -n 1)
driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2> /dev/null | head -n 1)
if [[ $capability =~ ^[0-9]+\.[0-9]+$ ]]; then
  gpu=1 architecture=${capability/./}-real
  echo "$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1), compute capability $capability, driver $driver, commit $commit"
else
  gpu=0 architecture=90-real
  echo "There is no GPU: builds for sm_90, and the tests are skipped."
fi

passed=0 failed=0 deadline=$(($(date +%s) + 60 * minutes))
faults=()

left() { echo $((deadline - $(date +%s) - 10)); }  # seconds; the last ten are for the report
wanted() { [[ ,$only, == *,$1,* ]]; }

# check NAME SECONDS LOG COMMAND...: runs the command with a time limit, its output in the log, and counts the result.
check() {
  local name=$1 limit=$2 log=$out/$3 status started=$SECONDS
  shift 3
  [ "$(left)" -lt "$limit" ] && limit=$(left)
  if [ "$limit" -lt 5 ]; then
    echo "-- $name: skipped, no time left"
    return 1
  fi
  echo "== $name: $*" >> "$log"
  timeout -k 5 "$limit" "$@" >> "$log" 2>&1
  status=$?
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok $name, $((SECONDS - started)) s"
    return 0
  fi
  failed=$((failed + 1))
  case $status in
    124 | 137) faults+=("$name: not finished after $limit s") ;;
    *) faults+=("$name: status $status") ;;
  esac
  echo "FAILED ${faults[-1]}; the end of ${log##*/}:"
  tail -n 25 "$log" | cut -c 1-300
  return 1
}

# works SECONDS LOG COMMAND...: whether a command that is tried first succeeds; its result does not count.
works() {
  local limit=$1 log=$out/$2
  shift 2
  [ "$(left)" -lt "$limit" ] && limit=$(left)
  [ "$limit" -ge 5 ] && timeout -k 5 "$limit" "$@" >> "$log" 2>&1
}

# ---- build

# Some toolkits are made of Python wheels and lack cuBLAS, or the links that linkers look for; PyTorch includes both.
# Prints the necessary options for CMake, and creates links in $build/toolkit.
toolkit_options() {
  local root include name found toolkit
  root=$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")
  include=$(find -L "$root/include" "$root/targets" -maxdepth 3 -name cublas_v2.h 2> /dev/null | head -n 1)
  for name in cudart cublas; do
    found=$(find -L "$root/lib64" "$root/lib" "$root/targets" -maxdepth 3 -name "lib$name.so" 2> /dev/null | head -n 1)
    [ -n "$found" ] && { [ -n "$include" ] || [ $name = cudart ]; } && continue
    found=$("$python" - "lib$name.so" << 'PY'
import pathlib, site, sys, sysconfig
folders = {sysconfig.get_path("purelib"), *site.getsitepackages()}
print(next((p for f in folders for p in sorted(pathlib.Path(f).glob(f"nvidia/*/lib/{sys.argv[1]}*"))), ""))
PY
    )
    [ -n "$found" ] || continue
    toolkit=$(realpath -m "$build/toolkit")
    mkdir -p "$toolkit"
    ln -sf "$found" "$toolkit/lib$name.so"
    case $name in
      cudart) echo "-DCUDA_CUDART=$toolkit/libcudart.so" ;;
      cublas)
        echo "-DCUDA_cublas_LIBRARY=$toolkit/libcublas.so"
        echo "-DCMAKE_CXX_FLAGS=-idirafter $(dirname "$found")/../include"
        echo "-DCMAKE_CUDA_FLAGS=-Xcompiler=-idirafter,$(dirname "$found")/../include"
        echo "-DCMAKE_BUILD_RPATH=$(dirname "$found")"
        ;;
    esac
  done
}

if wanted build; then
  : > "$out/build.log"
  mapfile -t options < <(toolkit_options)
  read -r -a more <<< "${RONDO_GPU_CMAKE:-}"
  targets=(bench_cuda test_cuda_device)
  [ $dry_run -eq 1 ] && targets+=(bench_cuda_on_host)
  check configure 120 build.log cmake --preset default -B "$build" -DCMAKE_BUILD_TYPE=Release \
    -DRONDO_BUILD_EXAMPLES=OFF -DRONDO_BUILD_TESTS=ON -DRONDO_BUILD_BENCHMARKS=ON -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DRONDO_CUDA=ON -DRONDO_CUDA_ARCHITECTURES="$architecture" \
    -DRONDO_TEST_PYTHON="$(command -v python3)" ${headers:+-DCMAKE_PREFIX_PATH="$headers"} "${options[@]}" \
    "${more[@]}" || fail "not configured: see above, and $out/build.log; use --headers for missing headers"
  check build 1200 build.log cmake --build "$build" --target "${targets[@]}" || fail "not built: see above, and $out/build.log"
fi
[ -x "$build/bin/bench_cuda" ] || fail "$build/bin/bench_cuda does not exist: run the stage build first"

# ---- tests: a separate process for each, so that one that hangs does not affect the others

if wanted tests; then
  : > "$out/tests.log"
  junit=$(mktemp)
  limit=$(left)
  [ "$limit" -gt 240 ] && limit=240
  timeout -k 5 "$limit" ctest --test-dir "$build" -R '^(cuda_device|cuda_kernels):' -j 4 --timeout 60 --output-on-failure \
    --output-junit "$junit" >> "$out/tests.log" 2>&1
  read -r good bad < <(python3 - "$junit" << 'PY'
import sys, xml.etree.ElementTree as tree
try:
    suite = tree.parse(sys.argv[1]).getroot()
except (OSError, tree.ParseError):  # the run did not finish
    print(0, 1)
else:
    tests, bad, none = (int(suite.get(k) or 0) for k in ("tests", "failures", "skipped"))
    print(tests - bad - none, bad if tests else 1)
PY
  )
  rm -f "$junit"
  passed=$((passed + good)) failed=$((failed + bad))
  echo "tests: $good passed, $bad failed"
  if [ "$bad" -gt 0 ]; then
    faults+=("tests: $bad failed")
    grep -E '\*\*\*|^The following|Failed|Timeout' "$out/tests.log" | sort -u | head -n 40
  fi
fi

if [ $gpu -eq 1 ] && wanted sizes; then
  check "all combinations of sizes" "$(left)" tests.log "$build/bin/test_cuda_device" '[.full]'
fi

# ---- measurements

bench=$build/bin/bench_cuda device=cuda shapes=() measured=$out/measured.jsonl
if [ $dry_run -eq 1 ]; then
  bench=$build/bin/bench_cuda_on_host device=cpu shapes=(--shapes 6x5x40,4x3x12x2)
  [ -x "$bench" ] || fail "$bench does not exist: run the stage build first, with --dry-run"
fi
measures() { [ $gpu -eq 1 ] || [ $dry_run -eq 1 ]; }
algorithm_groups=(stepwise,graph grid_persistent cluster_persistent dataflow_persistent)

report() {  # tables of the measurements so far; its failures are those of bench_cuda, already counted
  [ -s "$measured" ] && python3 bench/compare/cuda_report.py "$measured" --results "$out" --commit "$commit" \
    --driver "$driver" > /dev/null 2>> "$out/bench.log"
}

has_torch=0
if measures && { wanted quick || wanted full; }; then
  if "$python" -c 'import torch' 2> /dev/null; then has_torch=1; else echo "-- $python has no PyTorch: the comparison is skipped"; fi
fi

# compare NAME SECONDS OPTION...: torch.nn.LSTM
compare() {
  local name=$1 limit=$2
  shift 2
  [ $has_torch -eq 0 ] || check "$name" "$limit" bench.log "$python" bench/compare/torch_cuda_lstm.py --device $device \
    --json "$measured" "$@" "${shapes[@]}"
}

sound=()  # algorithms that finished, right or wrong
if measures && wanted quick; then
  : > "$measured"
  : > "$out/bench.log"
  for algorithms in "${algorithm_groups[@]}"; do  # separate processes: one that hangs or crashes does not affect the others
    check "bench_cuda --quick --algorithms $algorithms" 60 bench.log "$bench" --quick --algorithms "$algorithms" --timeout 20 --json "$measured" \
      "${shapes[@]}"
    if tail -n 1 "$out/bench.log" | grep -q ' configurations, '; then sound+=("$algorithms"); fi
  done
  check "bench_cuda --quick --algorithms automatic" 60 bench.log "$bench" --quick --algorithms automatic --timeout 20 --json "$measured" \
    --choices "$out/algorithms.txt" "${shapes[@]}"
  compare "torch.nn.LSTM, quick" 60 --quick
  report
fi

# ---- rondo.LSTM as a module of PyTorch

if [ $gpu -eq 1 ] && wanted quick && [ $has_torch -eq 1 ]; then
  check "rondo.LSTM in PyTorch" 150 torch.log env "RONDO_CUDA_BUILD=$build" "TORCH_EXTENSIONS_DIR=$build/torch" \
    ${headers:+"RONDO_EIGEN_DIR=$headers/include/eigen3"} "$python" tests/torch/torch_module.py --count 40 --device cuda
fi

# ---- the algorithm without a barrier over 10 000 steps, with blocks that are delayed at random: the same bits

if [ $gpu -eq 1 ] && wanted jitter; then
  bits=$("$build/bin/test_cuda_device" '[.jitter]' | tee -a "$out/tests.log" | grep '^bits')
  check "build with random delays" 60 build.log cmake -B "$build" -DRONDO_CUDA_JITTER=ON &&
    check "build with random delays" 300 build.log cmake --build "$build" --target test_cuda_device &&
    check "the same bits with random delays" 120 tests.log bash -c \
      '[ -n "$1" ] && [ "$1" = "$("$2" "[.jitter]" | grep "^bits")" ]' - "$bits" "$build/bin/test_cuda_device"
  check "build without delays" 60 build.log cmake -B "$build" -DRONDO_CUDA_JITTER=OFF
fi

# ---- all shapes, within the remaining time

if measures && wanted full; then
  wanted quick || sound=("${algorithm_groups[@]}")
  touch "$measured"
  reserve=0  # seconds for the stages after this one
  if wanted profile; then reserve=$((reserve + 60)); fi
  if wanted sanitizer; then reserve=$((reserve + 60)); fi
  share=$((($(left) - reserve) / 2))
  if [ ${#sound[@]} -gt 0 ] && [ $share -gt 10 ]; then
    compare "torch.nn.LSTM" $((share + 20)) --seconds $share
    share=$(($(left) - 30 - reserve))
    [ $share -gt 10 ] && check "bench_cuda" $((share + 25)) bench.log "$bench" --algorithms "$(IFS=,; echo "${sound[*]}")" \
      --seconds $share --timeout 30 --json "$measured" "${shapes[@]}"
  else
    echo "-- all shapes: skipped"
  fi
  report
fi

# ---- Nsight Compute: the first forward and backward launch of each persistent kernel

if [ $gpu -eq 1 ] && wanted profile; then
  ncu=$(command -v ncu || find /opt/nvidia /usr/local/cuda* -name ncu -type f 2> /dev/null | head -n 1)
  metrics=$(python3 bench/compare/cuda_profile.py --metrics)
  profile=("$ncu" --csv --metrics "$metrics" --kernel-name regex:persistent --launch-count 2)
  : > "$out/profile.log"
  if [ -z "$ncu" ]; then
    echo "-- ncu is missing: no profiles"
  elif ! works 40 profile.log "${profile[@]}" "$bench" --check --timeout 0 --shapes 2x4x64 --precisions bf16 --algorithms grid_persistent; then
    echo "-- ncu does not work here, as where performance counters are reserved for administrators: no profiles; see profile.log"
  else
    for algorithm in grid_persistent cluster_persistent; do
      for precision in bf16 fp32; do
        check "ncu, $algorithm, $precision" 40 profile.log "${profile[@]}" --log-file "$out/ncu-$algorithm-$precision.csv" "$bench" --check --timeout 0 \
          --shapes 64x16x512 --precisions $precision --algorithms $algorithm
      done
    done
    python3 bench/compare/cuda_profile.py "$out"/ncu-*.csv --results "$out" >> "$out/profile.log" 2>&1
  fi
fi

# ---- compute-sanitizer, on small cases of every algorithm, precision and operation

if [ $gpu -eq 1 ] && wanted sanitizer; then
  sanitizer=$(command -v compute-sanitizer || find /opt/nvidia /usr/local/cuda* -name compute-sanitizer -type f 2> /dev/null | head -n 1)
  : > "$out/sanitizer.log"
  if [ -z "$sanitizer" ]; then
    echo "-- compute-sanitizer is missing: no checks for races and invalid accesses"
  elif ! works 40 sanitizer.log "$sanitizer" --tool memcheck --error-exitcode 86 "$bench" --check --timeout 0 --shapes 2x1x4 --precisions fp32 --algorithms stepwise; then
    echo "-- compute-sanitizer does not work here: no checks for races and invalid accesses; see sanitizer.log"
  else
    for tool in memcheck racecheck synccheck initcheck; do
      command=("$sanitizer" --tool "$tool" --error-exitcode 86 --print-limit 20)
      check "$tool, LSTM" 45 sanitizer.log "${command[@]}" "$build/bin/bench_cuda" --check --timeout 0 --shapes 4x9x36,3x2x20x2
      check "$tool, the other operations" 45 sanitizer.log "${command[@]}" "$build/bin/test_cuda_device" 'CUDA: two runs of every operation*'
    done
  fi
fi

# ---- summary

for page in "$out"/*.md; do
  [ -f "$page" ] && measures && sed -n '1p; /^## Summary/,/^## Forward/{/^## Forward/!p}; /^## Faults/,$p' "$page"
done
if [ -n "${OUT:-}" ] && [ "$(realpath -m "$OUT")" != "$out" ]; then mkdir -p "$OUT" && cp -r "$out"/. "$OUT"; fi
for fault in "${faults[@]}"; do echo "FAILED $fault"; done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
