#!/usr/bin/env bash
# Streaming tests on 64-bit Arm: NEON kernels, compiled by Debian's cross compiler, under qemu-user. All tests of that
# machine: run.sh aarch64.
# Usage: bash tests/toolchains/arm_streams.sh FOLDER EIGEN      FOLDER: for the program; EIGEN: include folder
# Exit status 77: the compiler or the emulator is not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v $tool > /dev/null || { echo "$tool is not installed (Debian: g++-aarch64-linux-gnu qemu-user)"; exit 77; }
done
catch2=/usr/include/catch2
mkdir -p "$1/include"
ln -sfn "$catch2" "$1/include/catch2"  # not all of /usr/include: it is another machine's
aarch64-linux-gnu-g++ -std=c++20 -O1 -Iinclude -Itests -isystem "$1/include" -isystem "$2" tests/support/catch_main.cpp \
  tests/layers/streaming.cpp tests/layers/streaming_precision.cpp -o "$1/arm_streams"
for cpu in max cortex-a53; do  # with and without dot products of bytes
  qemu-aarch64 -cpu $cpu -L /usr/aarch64-linux-gnu "$1/arm_streams"
done
