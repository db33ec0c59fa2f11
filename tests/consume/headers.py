#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the syntax of every header of the library as the only one of its file, so that each includes what it needs.

Usage: headers.py --cxx COMPILER --include FOLDER [--system FOLDER:FOLDER...]
Prints the headers that do not compile, with the compiler's messages. Exit status 1 if there is one. A header that another
one includes before anything else is compiled there, with nothing before it. Headers of ONNX files and of MPI are left out
where the ONNX messages or MPI are not installed; that of NCCL sees the tests' stand-in.
"""

import argparse
import pathlib
import re
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


def first_included(header):
    """What it includes before anything else and under no condition."""
    line = re.search(r"^ *# *(?!pragma)\w+.*", header.read_text(encoding="utf-8"), re.MULTILINE)
    found = line and re.fullmatch(r"#include <(.+)>", line.group())
    return pathlib.Path(found.group(1)) if found else None


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
    # Twice, for its include guard; not those that another header's file compiles first.
    covered = {first_included(options.include / header) for header in headers}
    bad, checked = 0, [header for header in headers if header not in covered]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "header.cpp"
        for header in checked:
            file.write_text(f"#include <{header}>\n#include <{header}>\n")
            done = subprocess.run([*command, *flags(header), file], capture_output=True, text=True)
            if done.returncode != 0:
                bad += 1
                print(f"{header} does not compile on its own:\n{done.stderr}")
    for header in covered & set(headers):
        if not re.search(r"^#pragma once$", (options.include / header).read_text(encoding="utf-8"), re.MULTILINE):
            bad += 1
            print(f"{header} has no #pragma once")
    print(f"{len(headers)} headers, {len(checked)} of them in files of their own; {bad} do not compile on their own")
    return 1 if bad or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
