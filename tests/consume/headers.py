#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the syntax of every header of the library as the only one of its file, so that each includes what it needs.

Usage: headers.py --cxx COMPILER --include FOLDER [--system FOLDER:FOLDER...]
Prints the headers that do not compile, with the compiler's messages. Exit status 1 if there is one. Headers of ONNX files
and of MPI are left out where the ONNX messages or MPI are not installed; that of NCCL sees the tests' stand-in.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile


STAND_INS = pathlib.Path(__file__).resolve().parents[1] / "support"


def extra_flags():
    """Flags of headers whose names begin so; None: they are left out."""
    mpi = None
    if shutil.which("mpicxx"):
        shown = subprocess.run(["mpicxx", "--showme:incdirs"], capture_output=True, text=True)
        mpi = [word for folder in shown.stdout.split() for word in ("-isystem", folder)] if shown.returncode == 0 else None
    return {
        "onnx": ["-DONNX_ML=1", "-DONNX_NAMESPACE=onnx"] if pathlib.Path("/usr/include/onnx").is_dir() else None,
        "mpi": mpi,
        "nccl": ["-isystem", str(STAND_INS / "host_nccl"), "-isystem", str(STAND_INS / "host_cuda")],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--include", required=True, type=pathlib.Path)
    parser.add_argument("--system", default="")
    options = parser.parse_args()
    extra = extra_flags()

    def flags(header):
        return next((own for prefix, own in extra.items() if header.name.startswith(prefix)), [])

    headers = sorted(path.relative_to(options.include) for path in options.include.rglob("*.hpp"))
    headers = [header for header in headers if flags(header) is not None]
    command = [options.cxx, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{options.include}"]
    for folder in filter(None, options.system.split(":")):
        command += ["-isystem", folder]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "header.cpp"
        for header in headers:
            file.write_text(f"#include <{header}>\n#include <{header}>\n")  # the second: its include guard
            done = subprocess.run([*command, *flags(header), file], capture_output=True, text=True)
            if done.returncode != 0:
                bad += 1
                print(f"{header} does not compile on its own:\n{done.stderr}")
    print(f"{len(headers) - bad} of {len(headers)} headers compile on their own")
    return 1 if bad or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
