# SPDX-License-Identifier: MIT
"""Runs the shell commands of README.md, CONTRIBUTING.md and docs/, in the order of the pages, in a fresh clone.

Every command of every ```sh block matches one rule below: it runs, with the substitutions that make it short, or it is
excluded for a stated reason. A command without a rule is an error, and so is a rule that no command needs. The user's
own MIDI folder, MAESTRO and the chorales are replaced by a few small files.

Usage: pages.py SOURCE_DIR [--programs DIR]
  --programs DIR   use the programs of this build instead of building them in the clone
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import checkout


class Rule:
    """What to do with the commands that match a pattern.

    exclude: the reason why they do not run. builds: they build programs, which --programs replaces. replace: pairs of
    pattern and text that make them short.
    """

    def __init__(self, pattern, *, exclude=None, builds=False, replace=()):
        self.pattern, self.exclude, self.builds, self.replace = re.compile(pattern, re.DOTALL), exclude, builds, replace
        self.used = False


SHORT = [(r"--minutes \d+", "--steps 20"), (r"--config \w+", "--config small --hidden 16 --embedding 16"), (r"--configs [\w,]+", "--configs tiny"),
         (r"--seconds 60", "--seconds 5"), (r"--num-outputs 5", "--num-outputs 2")]

CONFIGURE = [(r"$", " --configure-only")]

RULES = [
    Rule(r"bash examples/piano/run\.sh", builds=True),
    Rule(r"bash tests/run\.sh( --[\w-]+)*", replace=CONFIGURE),  # all of it would be the test suite within itself
    Rule(r"bash bench/run\.sh( --quick)?", replace=CONFIGURE),  # all of it takes half an hour of an idle machine
    Rule(r"build/bench/bin/bench_lstm .*", exclude="needs the build of bench/run.sh; an idle machine"),
    Rule(r"bash tests/check_style\.sh( --tidy)?", exclude="needs a git repository; continuous integration runs it"),
    Rule(r"cmake --preset (default|release)", builds=True),
    Rule(r"cmake --build --preset default --target docs", builds=True),
    Rule(r"cmake --build --preset (default|release)", builds=True, replace=[(r"$", " --target test_midi")]),
    Rule(r"ctest --preset (default|release)", builds=True, replace=[(r"$", " -R ^midi: -E symusic")]),
    Rule(r"(cmake|g\+\+|cpack|dpkg-deb|conan|vcpkg) .*(packag|external|rondo).*", exclude="tests/packages runs it"),
    Rule(r"build/external/next_sample", exclude="tests/packages runs it"),
    Rule(r"(apt-get install libopenmpi-dev .*|cmake .*-DRONDO_MPI=ON.*|mpirun .*)", exclude="tests/distributed runs it"),
    Rule(r"cmake .*-DRONDO_CUDA=ON.*", exclude="needs the CUDA Toolkit"),
    Rule(r"build/cuda/bin/.*", exclude="needs a GPU"),
    Rule(r"piano tokenize .*"),
    Rule(r"piano train --data runs/shards .*", replace=SHORT + [(r"$", " --batch-size 1")]),
    Rule(r"(build/release/bin/)?piano (train|explore|eval|inspect) .*", replace=SHORT + [
        (r"piano inspect FILE --write OUT.mid", "piano inspect ~/midi/one.mid --write again.mid"), (r"FILE\.\.\.", "~/midi/*.mid"),
        (r"(?<![/\w])(one|two)\.mid", r"~/midi/\1.mid"), (r"~/held-out", "~/midi/held-out"), (r"~/waltzes", "~/midi")]),
    Rule(r"(build/release/bin/)?piano sample .*", replace=SHORT + [(r"(?<![/\w])one\.mid", "~/midi/one.mid")]),
    Rule(r"python3 - <<'END'\n.*maestro.*"),
    Rule(r"build/release/bin/rondo .*", exclude="tests/torch runs the tool on model files"),
    Rule(r"pip install .* \./bindings/torch", exclude="tests/torch runs it"),
    Rule(r"(apt-get install .*arm-none-eabi.*|mkdir -p build/firmware|bash examples/microcontroller/build\.sh .*)",
         exclude="tests/embedded runs it"),
    Rule(r"chorales --data jsb_chorales\.json( --run-dir .*)?", replace=[(r"$", " --epochs 1 --hidden 8 --layers 1")]),
]


def commands(page):
    """(line, command) of the ```sh blocks of a page; a here-document and a continued line belong to their command."""
    lines, inside, n = page.read_text().splitlines(), False, 0
    while n < len(lines):
        line = lines[n]
        if line.startswith("```"):
            inside = line.strip() in ("```sh", "```bash", "```shell", "```console") if not inside else False
        elif inside and line.strip():
            first, text = n + 1, re.sub(r"\s+#\s.*$", "", line)
            while text.endswith("\\"):
                n += 1
                text = text[:-1] + lines[n].strip()
            document = re.search(r"<<'?(\w+)'?", text)
            while document and lines[n].strip() != document[1]:
                n += 1
                text += "\n" + lines[n]
            yield first, text.strip()
        n += 1


def all_commands(root):
    """(place, command, rule) of all pages. Fails for a command without a rule and for a rule without a command."""
    problems, found = [], []
    for page in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]:
        for line, command in commands(page):
            place = f"{page.relative_to(root)}:{line}"
            rule = next((rule for rule in RULES if rule.pattern.fullmatch(command)), None)
            if rule is None:
                problems.append(f"{place}: no rule in tests/commands/pages.py for: {command}")
            else:
                rule.used = True
                found.append((place, command, rule))
    problems += [f"tests/commands/pages.py: no page has a command for the rule {rule.pattern.pattern}"
                 for rule in RULES if not rule.used]
    assert not problems, "\n".join(problems)
    assert found, "the pages have no commands"
    return found


def midi_file(seed):
    """A short Standard MIDI File: notes of one track, 480 ticks per quarter note."""
    notes, track = random.Random(seed), b""
    for _ in range(300):
        pitch, velocity, delta = notes.randrange(48, 84), notes.randrange(40, 100), notes.randrange(60, 127)
        track += bytes([0, 0x90, pitch, velocity, delta, 0x80, pitch, 64])
    track += b"\0\xff\x2f\0"
    return (b"MThd\0\0\0\6\0\0\0\1\1\xe0" + b"MTrk" + len(track).to_bytes(4, "big") + track)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def substitutes(home, folder):
    """The user's files: ~/midi, and in the clone MAESTRO's table with its files, and the chorales."""
    for n, name in enumerate(["one", "two", "three", "held-out/four"]):
        write(home / "midi" / f"{name}.mid", midi_file(n))
    rows = ["split,midi_filename"]
    for n, split in enumerate(["train", "train", "validation", "test"]):
        write(folder / f"2004/piece{n}.midi", midi_file(10 + n))
        rows.append(f"{split},2004/piece{n}.midi")
    write(folder / "maestro-v3.0.0.csv", "\n".join(rows).encode())
    piece = [[60 + n % 12, 64 + n % 12] for n in range(20)]
    write(folder / "jsb_chorales.json", json.dumps({part: [piece] * 2 for part in ("train", "valid", "test")}).encode())


def shortened(command, rule):
    for pattern, text in rule.replace:
        command = re.sub(pattern, text, command, count=1 if pattern == "$" else 0)
    return command


def run(folder, home, found, programs):
    bin_folder = folder / "build/release/bin"
    if programs:
        bin_folder.parent.mkdir(parents=True, exist_ok=True)
        bin_folder.symlink_to(programs)
    environment = dict(os.environ, HOME=str(home), PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    environment.pop("XDG_CACHE_HOME", None)
    counts = {"ran": 0, "excluded": 0, "left to the build": 0}
    last_page = None
    for place, command, rule in found:
        page = place.partition(":")[0]
        if page != last_page:  # each page starts without the runs of another
            for former in ("runs", "out"):
                shutil.rmtree(folder / former, ignore_errors=True)
            last_page = page
        if rule.exclude or (programs and rule.builds):
            counts["excluded" if rule.exclude else "left to the build"] += 1
            continue
        text = shortened(command, rule)
        print(f"{place}: {text.splitlines()[0]}", flush=True)
        if not programs and re.match(r"(build/release/bin/)?chorales", command):
            build = "cmake --preset release > /dev/null && cmake --build --preset release --target chorales"
            subprocess.run(["bash", "-c", build], cwd=folder, check=True, env=environment, stdout=subprocess.DEVNULL)
        done = subprocess.run(["bash", "-c", "set -euo pipefail\n" + text], cwd=folder, env=environment,
                              capture_output=True, text=True)
        assert done.returncode == 0, (f"{place}: {command}\nran as: {text}\nended with status {done.returncode}:\n"
                                      f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
        counts["ran"] += 1
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    assert counts["ran"] > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--programs", type=pathlib.Path)
    arguments = parser.parse_args()
    found = all_commands(arguments.source)
    for variable in ("CXXFLAGS", "CMAKE_BUILD_TYPE", "CMAKE_GENERATOR"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory() as name:
        folder, home = pathlib.Path(name).resolve() / "rondo", pathlib.Path(name).resolve() / "home"
        folder.mkdir()
        checkout.copy_files(arguments.source, folder)
        substitutes(home, folder)
        run(folder, home, found, arguments.programs and arguments.programs.resolve())


if __name__ == "__main__":
    try:
        main()
    except AssertionError as problem:
        sys.exit(str(problem))
