#!/usr/bin/env bash
# Installs missing packages, builds, trains on the bundled pieces for about two minutes, and writes three continuations and
# a page that plays them. Usage: bash examples/piano/run.sh [--configure-only] [RUN_DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/support/install.sh

# The preset sets every option, so the result does not depend on how an existing build folder was configured.
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
# The network in the page; the rest works without it.
(apt_options=--no-install-recommends install_packages emscripten) ||
  echo "Emscripten could not be installed: the page is made without the model to play with"
configure
cmake --build --preset release --target piano

if [ -e "$run_dir/last.safetensors" ]; then
  echo "$run_dir already holds a trained model; sampling from it (remove the folder to train again)"
else
  build/release/bin/piano train --scores --run-dir "$run_dir" --minutes 2 \
    --validation bach-bwv784-invention-13 schumann-op68-5-stueckchen
fi
build/release/bin/piano sample --run-dir "$run_dir" --output-dir "$run_dir/samples" \
  --primer-midi examples/piano/scores/bach-bwv846-prelude.abc --primer-seconds 10 --seconds 30 --num-outputs 3 --min-p 0.02
echo
echo "Page with a player: open $(realpath "$run_dir/samples")/index.html in a browser"
echo "Report of the training, with samples: $(realpath "$run_dir")/report.html"
