# SPDX-License-Identifier: MIT
"""Compares `piano inspect` with symusic on a folder of MIDI files, note for note and pedal for pedal.

Usage: compare_symusic.py PIANO FOLDER. Exit status: 0 all agree, 1 they differ, 77 symusic or the folder is absent.
Both pair note-ons with note-offs first in, first out (--strict). Ticks, pitches and velocities must be equal. Seconds are compared within symusic's single precision.
"""

import json
import pathlib
import subprocess
import sys


def inspect(piano, path, *flags):
    out = subprocess.run([piano, "inspect", "--json", "--notes", "--strict", *flags, path], capture_output=True, check=True)
    return json.loads(out.stdout)["files"][0]


def differences(piano, path, symusic):
    """Yields one line for each list that differs."""
    ours = inspect(piano, path, "--ticks")
    ours_seconds = inspect(piano, path)
    theirs = symusic.Score(path)
    theirs_seconds = theirs.to("second")

    if ours["division"] != theirs.tpq:
        yield f"division {ours['division']}, symusic {theirs.tpq}"
    # symusic omits tracks without notes and their numbers, so all notes are compared as one list.
    mine = sorted((start, end, pitch, velocity) for start, end, pitch, velocity, _, _ in ours["notes"])
    his = sorted((n.start, n.end, n.pitch, n.velocity) for t in theirs.tracks for n in t.notes)
    yield from first_difference("note", mine, his, lambda a, b: a == b)
    # A pedal that is never released lasts to the end here; symusic omits it.
    held = sum(1 for t in theirs.tracks if [c.value for c in t.controls if c.number == 64][-1:] >= [64])
    mine = sorted((start, end) for start, end, _, _ in ours["pedals"])
    mine = mine[:len(mine) - held]
    his = sorted((p.time, p.end) for t in theirs.tracks for p in t.pedals)
    yield from first_difference("pedal", mine, his, lambda a, b: a == b)

    # Single precision: half a unit in the last place is 6e-8 relative, and symusic adds start and duration.
    def near(a, b):
        return abs(a - b) <= 2.5e-7 * max(a, 1)

    for which, name in enumerate(("start", "end")):
        mine = sorted(note[which] for note in ours_seconds["notes"])
        his = sorted((n.start, n.end)[which] for t in theirs_seconds.tracks for n in t.notes)
        yield from first_difference(f"note {name} in seconds", mine, his, near)


def first_difference(what, mine, his, same):
    if len(mine) != len(his):
        yield f"{len(mine)} of {what}, symusic {len(his)}"
        return
    for k, (a, b) in enumerate(zip(mine, his)):
        if not same(a, b):
            yield f"{what} {k}: {a}, symusic {b}"
            return


def main():
    piano, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    files = sorted(folder.glob("*.mid")) if folder.is_dir() else []
    try:
        import symusic
    except ImportError:
        print("skipped: this Python has no symusic")
        return 77
    if not files:
        print(f"skipped: no MIDI files in {folder}")
        return 77
    failed = False
    for path in files:
        found = list(differences(piano, str(path), symusic))
        failed |= bool(found)
        print(f"{path.name}: {'; '.join(found) or 'agrees'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
