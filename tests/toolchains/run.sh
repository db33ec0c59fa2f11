#!/usr/bin/env bash
# Builds the libraries and their tests with other compilers and for other machines, and runs the tests, under an emulator
# if needed. Installs missing packages on Debian or Ubuntu.
# Usage: bash tests/toolchains/run.sh [NAME...]      without a name, all of them
#   clang-14        Clang 14 with libstdc++
#   clang-19        Clang 19 with libstdc++
#   clang-19-libc++ Clang 19 with libc++
#   aarch64         g++ for 64-bit Arm, under qemu-user
#   s390x           g++ for IBM Z, a big-endian machine, under qemu-user: MIDI, files and shards
#   mingw           MinGW-w64 for Windows, under Wine if it is available
#   wasm32          Emscripten, under Node.js: headers of the network, MIDI and music
# Ends with one line: N passed, N failed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/support/install.sh

names=("$@")
[ ${#names[@]} -gt 0 ] || names=(clang-14 clang-19 clang-19-libc++ aarch64 s390x mingw wasm32)
network=(core cpu io layers math midi music optim sampling)
passed=0 failed=0

# build_and_test NAME TESTS -- CMAKE_OPTION...: TESTS are names of test programs, test_NAME.
build_and_test() {
  local name=$1 tests=$2 build=build/toolchains/$1 start=$SECONDS
  shift 3
  echo "== $name"
  local targets=() test
  for test in $tests; do targets+=("test_$test"); done
  if ! cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG" \
    -DRONDO_BUILD_EXAMPLES=OFF -DRONDO_TEST_PYTHON= -DRONDO_INSTALL=OFF "$@" > "$build.log" 2>&1 ||
    ! cmake --build "$build" --target "${targets[@]}" >> "$build.log" 2>&1; then
    tail -n 30 "$build.log"
    echo "$name: the build failed; its log is $build.log"
    failed=$((failed + 1))
    return
  fi
  ctest --test-dir "$build" -R "^($(IFS='|'; echo "${tests// /|}")):" -j "$(nproc)" --timeout 1200 \
    --output-on-failure > "$build.tests" 2>&1 || grep -E "Failed|Timeout|\*\*\*" "$build.tests" || true
  local line
  line=$(grep -E "tests passed|No tests" "$build.tests")
  echo "$name: $line, $((SECONDS - start)) s"
  local bad all
  bad=$(sed -nE 's/.*, ([0-9]+) tests failed.*/\1/p' <<< "$line") all=$(sed -nE 's/.*out of ([0-9]+).*/\1/p' <<< "$line")
  [ "${all:-0}" -gt 0 ] || bad=1 all=1
  failed=$((failed + bad)) passed=$((passed + all - bad))
}

mkdir -p build/toolchains
install_packages g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev catch2
toolchain() { echo "-DCMAKE_TOOLCHAIN_FILE=$PWD/cmake/toolchains/$1.cmake"; }
for name in "${names[@]}"; do
  case $name in
    clang-14) install_packages clang-14 libomp-14-dev
      build_and_test "$name" "${network[*]}" -- -DCMAKE_CXX_COMPILER=clang++-14 ;;
    clang-19) install_packages clang-19 libomp-19-dev
      build_and_test "$name" "${network[*]}" -- -DCMAKE_CXX_COMPILER=clang++-19 ;;
    clang-19-libc++) install_packages clang-19 libc++-19-dev libc++abi-19-dev
      build_and_test "$name" "${network[*]}" -- -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_CXX_FLAGS=-stdlib=libc++ ;;
    aarch64) install_packages g++-aarch64-linux-gnu qemu-user
      build_and_test "$name" "${network[*]}" -- "$(toolchain aarch64-linux-gnu)" ;;
    s390x) install_packages g++-s390x-linux-gnu qemu-user
      build_and_test "$name" "io midi music shards" -- "$(toolchain s390x-linux-gnu)" -DRONDO_OPENMP=OFF -DRONDO_BUILD_EXAMPLES=ON ;;
    mingw) install_packages g++-mingw-w64-x86-64 wine64
      build_and_test "$name" "${network[*]}" -- "$(toolchain x86_64-w64-mingw32)" -DRONDO_OPENMP=OFF ;;
    wasm32) install_packages emscripten
      build_and_test "$name" "core layers midi music" -- "$(toolchain wasm32-emscripten)" -DRONDO_OPENMP=OFF ;;
    *) echo "tests/toolchains/run.sh: unknown name $name" >&2; exit 2 ;;
  esac
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
