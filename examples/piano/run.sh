#!/usr/bin/env bash
# From a fresh machine to new music: installs what is missing, builds, trains on the bundled pieces for about two minutes,
# writes three continuations and a page that plays them. Usage: bash examples/piano/run.sh [--configure-only] [RUN_DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/support/install.sh

# The preset states every option, so a build folder that another command has used is no different from a new one.
configure() {
  cmake --preset release -DRONDO_BUILD_EXAMPLES=ON -DRONDO_BUILD_TESTS=OFF -DRONDO_BUILD_BENCHMARKS=OFF \
    -DRONDO_WARNINGS_AS_ERRORS=OFF -DRONDO_CUDA=OFF > /dev/null
}

case ${1:-} in
  --configure-only) configure; exit ;;
  -*) echo "examples/piano/run.sh: unknown option $1; wanted --configure-only" >&2; exit 2 ;;
esac
run_dir=${1:-runs/first}
install_packages g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libcli11-dev
configure
cmake --build --preset release --target piano

if [ -e "$run_dir/last.safetensors" ]; then
  echo "$run_dir holds a trained model already; sampling from it (remove the folder to train afresh)"
else
  build/release/bin/piano train --scores --run-dir "$run_dir" --config small --minutes 2 --transpose -5 6 \
    --validation bach-bwv784-invention-13 schumann-op68-5-stueckchen
fi
build/release/bin/piano sample --run-dir "$run_dir" --output-dir "$run_dir/samples" \
  --primer-midi examples/piano/scores/bach-bwv846-prelude.abc --primer-seconds 10 --seconds 30 --num-outputs 3 --min-p 0.02
echo
echo "See and hear them: open $(realpath "$run_dir/samples")/index.html in a browser"
echo "How the training went, with a sample of each stage: $(realpath "$run_dir")/report.html"
