# SPDX-License-Identifier: MIT
"""Configures a fresh clone with the README's commands, in order and in reverse order, and checks what each would build.
Commands share build folders, where CMake caches the options of earlier ones.

Usage: fresh_clone.py SOURCE_DIR
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import checkout

PIANO = ["bash", "examples/piano/run.sh", "--configure-only"]
TESTS = ["bash", "tests/run.sh", "--configure-only"]
BENCH = ["bash", "bench/run.sh", "--configure-only"]
BY_HAND = ["cmake", "--preset", "release"]


def output(*command, cwd):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} exit status {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


class Build:
    """Options and targets of a configured build folder."""

    def __init__(self, folder):
        cache = (folder / "CMakeCache.txt").read_text()
        targets = output("cmake", "--build", folder, "--target", "help", cwd=folder)
        self.options = dict(re.findall(r"^(\w+):BOOL=(\w+)$", cache, re.MULTILINE))
        self.targets = set(re.findall(r"^(\w+):", targets, re.MULTILINE))


def check(name, folder, wanted, options):
    build = Build(folder)
    missing = set(wanted) - build.targets
    assert not missing, f"{name}: {sorted(missing)} would not be built"
    wrong = {key: build.options.get(key) for key, value in options.items() if build.options.get(key) != value}
    assert not wrong, f"{name}: the options are {wrong}, wanted {options}"
    if options.get("RONDO_BUILD_TESTS") == "ON":
        assert "Total Tests: 0\n" not in output("ctest", "-N", cwd=folder), f"{name}: ctest finds no tests"


def check_piano(folder, after):
    check(f"examples/piano/run.sh {after}", folder / "build/release", {"piano"},
          {"RONDO_BUILD_EXAMPLES": "ON", "RONDO_BUILD_TESTS": "OFF", "RONDO_BUILD_BENCHMARKS": "OFF",
           "RONDO_WARNINGS_AS_ERRORS": "OFF", "RONDO_CUDA": "OFF", "RONDO_NATIVE": "ON"})


def check_tests(folder, after):
    check(f"tests/run.sh {after}", folder / "build/release",
          {"piano", "chorales", "test_midi", "test_layers", "test_piano"},
          {"RONDO_BUILD_EXAMPLES": "ON", "RONDO_BUILD_TESTS": "ON", "RONDO_BUILD_BENCHMARKS": "OFF",
           "RONDO_WARNINGS_AS_ERRORS": "ON", "RONDO_NATIVE": "ON", "RONDO_TEST_CUDA_ON_HOST": "OFF"})


def check_by_hand(folder, after):
    check(f"cmake --preset release {after}", folder / "build/release", {"piano", "test_midi"},
          {"RONDO_BUILD_TESTS": "ON", "RONDO_BUILD_BENCHMARKS": "OFF", "RONDO_WARNINGS_AS_ERRORS": "OFF"})


def check_bench(folder, after):
    check(f"bench/run.sh {after}", folder / "build/bench", {"bench_lstm", "bench_midi"},
          {"RONDO_BUILD_EXAMPLES": "OFF", "RONDO_BUILD_TESTS": "OFF", "RONDO_BUILD_BENCHMARKS": "ON",
           "RONDO_NATIVE": "OFF", "RONDO_CUDA": "OFF", "RONDO_OPENMP": "ON"})


def check_presets(folder):
    """Every option that CMake files declare must be set in the base preset, so that the cache has no influence."""
    default = json.loads((folder / "CMakePresets.json").read_text())["configurePresets"][0]
    assert default["name"] == "default", default["name"]
    declared = {option for path in folder.rglob("CMakeLists.txt") if "build" not in path.relative_to(folder).parts
                for option in re.findall(r"^\s*(?:cmake_dependent_)?option\((RONDO_\w+)", path.read_text(), re.MULTILINE)}
    missing = declared - set(default["cacheVariables"])
    assert declared and not missing, f"CMakePresets.json: the default preset does not set {sorted(missing)}"


def main():
    source = pathlib.Path(sys.argv[1])
    for variable in ("CXXFLAGS", "CMAKE_BUILD_TYPE", "CMAKE_GENERATOR"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        checkout.copy_files(source, folder)
        check_presets(folder)
        steps = [(PIANO, check_piano), (TESTS, check_tests), (PIANO, check_piano), (BY_HAND, check_by_hand)]
        after = "in a fresh clone"
        for command, check_it in steps:
            output(*command, cwd=folder)
            check_it(folder, after)
            after = f"after {' '.join(command[:2])}"
        output("cmake", "-S", ".", "-B", "build/bench", "-G", "Ninja", "-DRONDO_BUILD_BENCHMARKS=OFF",
               "-DRONDO_BUILD_TESTS=ON", "-DRONDO_NATIVE=ON", "-DRONDO_OPENMP=OFF", cwd=folder)
        output(*BENCH, cwd=folder)
        check_bench(folder, "after other options")


if __name__ == "__main__":
    main()
