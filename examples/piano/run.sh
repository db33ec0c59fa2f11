#!/usr/bin/env bash
# From a fresh machine to new music: installs what is missing, builds, trains on the bundled pieces for about two minutes and
# writes three continuations. Usage: bash examples/piano/run.sh [RUN_DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/support/install.sh

run_dir=${1:-runs/first}
install_packages g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libcli11-dev
cmake --preset release -DRONDO_BUILD_TESTS=OFF > /dev/null
cmake --build --preset release --target piano

if [ -e "$run_dir/last.safetensors" ]; then
  echo "$run_dir holds a trained model already; sampling from it (remove the folder to train afresh)"
else
  build/release/bin/piano train --scores --run-dir "$run_dir" --minutes 2 --layers 1 --embedding 256 --transpose -5 6 \
    --validation bach-bwv784-invention-13
fi
build/release/bin/piano sample --run-dir "$run_dir" --output-dir "$run_dir/samples" \
  --primer-midi examples/piano/scores/bach-bwv846-prelude.abc --primer-seconds 10 --seconds 30 --num-outputs 3 --min-p 0.02
echo
echo "Listen to: $(realpath "$run_dir/samples")/01.mid, 02.mid and 03.mid"
