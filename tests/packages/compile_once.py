# SPDX-License-Identifier: MIT
"""Compiles a source, or copies the object file of an earlier compilation of the same text with the same options.

Usage: compile_once.py CACHE COMPILER ARGUMENT...   (CMAKE_CXX_COMPILER_LAUNCHER)
The packages contain the same sources in different folders. Every package preprocesses them with its own include paths.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def without(command, flags, with_value):
    """The command without these flags, and without those that have a value in the next argument."""
    left, arguments = [], iter(command)
    for argument in arguments:
        if argument in with_value:
            next(arguments)
        elif argument not in flags:
            left.append(argument)
    return left


def main():
    cache, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if "-c" not in command or "-o" not in command:
        sys.exit(subprocess.run(command).returncode)
    wanted = command[command.index("-o") + 1]
    text = subprocess.run([*without(command, [], ["-o"]), "-E", "-P"], stdout=subprocess.PIPE)  # writes -MF, too
    if text.returncode != 0:
        sys.exit(text.returncode)
    options = [option for option in without(command, ["-MD"], ["-c", "-o", "-MF", "-MT", "-isystem", "-I"])
               if not option.startswith("-I")]
    cached = cache / hashlib.sha256("\0".join(options).encode() + text.stdout).hexdigest()
    if not cached.exists():
        done = subprocess.run(command)
        if done.returncode != 0:
            sys.exit(done.returncode)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as copy, open(wanted, "rb") as file:
            shutil.copyfileobj(file, copy)
        os.replace(copy.name, cached)
    else:
        shutil.copyfile(cached, wanted)


if __name__ == "__main__":
    main()
