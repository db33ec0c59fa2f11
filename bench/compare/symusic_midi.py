# SPDX-License-Identifier: MIT
"""symusic's side of bench_midi, from memory to memory. Usage: symusic_midi.py FOLDER, then worker.py's protocol on
stdin. Replies include "MB", the megabytes per call; files that symusic cannot read are left out."""

import importlib.metadata
import pathlib
import sys

import symusic

import worker


def readable(folder):
    """(bytes, Score) of every MIDI file below the folder that symusic can read."""
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.suffix not in (".mid", ".midi"):
            continue
        data = path.read_bytes()
        try:
            yield data, symusic.Score.from_midi(data)
        except Exception:  # it raises no specific exception class
            continue


def make_call(operation, files):
    if operation == "midi_write":
        scores = [score for _, score in files]
        size = sum(len(score.dumps_midi()) for score in scores)
        call = lambda: [score.dumps_midi() for score in scores]
    elif operation in ("midi_read_ticks", "midi_read_seconds"):
        unit = "tick" if operation == "midi_read_ticks" else "second"
        size = sum(len(data) for data, _ in files)
        call = lambda: [symusic.Score.from_midi(data, ttype=unit) for data, _ in files]
    else:
        return None
    return call, {"MB": size * 1e-6}


if __name__ == "__main__":
    found = list(readable(sys.argv[1]))
    worker.serve({"symusic": importlib.metadata.version("symusic")}, lambda operation, _: make_call(operation, found))
