# SPDX-License-Identifier: MIT
"""The pages' network under Node.js samples the same 10 000 tokens as the program, from the same weights and seed, and
fills a stretch with the same notes, at the instruction set of the program's baseline and at that of this machine.

Usage: tokens.py PIANO PACKED_TOKENS ENGINE.js SCORES. Exit status: 0 passed, 1 failed, 77 Node.js or the engine is
missing.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOKENS, SECONDS, SEED = 10_000, 560, 11
FILL = (100, 108, 16)  # from, to, candidates


def output(*command, **environment):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{command}: exit status {done.returncode}: {done.stderr}"
    return done.stdout


def main(piano, packed_tokens, engine, scores):
    with tempfile.TemporaryDirectory() as folder:
        run, model = pathlib.Path(folder) / "run", pathlib.Path(folder) / "model"
        data = [pathlib.Path(scores) / f"{name}.abc" for name in ("bach-bwv846-prelude", "bach-bwv999-prelude")]
        output(piano, "train", "--data", *data, "--run-dir", run, "--config", "small", "--steps", 25, "--no-cache")
        page = json.loads(output("node", HERE / "engine.js", engine, model_of(packed_tokens, run, model), SECONDS, SEED, *FILL))
        assert page["sampled"] >= TOKENS, f"{page['sampled']} tokens, wanted {TOKENS}: the test needs more seconds"
        for level in ("baseline", ""):
            program = json.loads(output(packed_tokens, run, model, SECONDS, SEED, *FILL, RONDO_CPU_LEVEL=level))
            compare(page, program, level or "the machine's own level")
        print(
            f"{page['sampled']} equal tokens, {len(page['notes'])} notes; {page['tokens_per_second']:.0f} tokens/s; "
            f"a fill in {page['fill_seconds']:.2f} s"
        )


def model_of(packed_tokens, run, model):
    output(packed_tokens, run, model, 30, SEED, 10, 12, 1)
    return model


def compare(page, program, level):
    assert page["sampled"] == program["sampled"], f"{level}: {page['sampled']} tokens, the program {program['sampled']}"
    for kind in ("notes", "filled"):
        for i, (one, other) in enumerate(zip(page[kind], program[kind])):
            assert one == other, f"{level}: {kind}: note {i} is {one}, the program's is {other}"
        assert len(page[kind]) == len(program[kind])
    assert page["filled"] != page["notes"]


if __name__ == "__main__":
    if not shutil.which("node") or not pathlib.Path(sys.argv[3]).stat().st_size:
        print("skipped: Node.js or Emscripten is missing")
        sys.exit(77)
    main(*sys.argv[1:])
