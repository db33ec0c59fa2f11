# SPDX-License-Identifier: MIT
"""Continuations and variations by a small model, read by mido and symusic: every file parses, every note begins and ends.

Usage: sampling.py PIANO SCORES_DIR. Exit status: 0 all well-formed, 1 not, 77 mido or symusic is missing.

The model is too small and trained too briefly to learn the rules: the outputs are well-formed because of the grammar.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

PRIMERS = ["bach-bwv772-invention-1", "bach-bwv784-invention-13", "bach-bwv846-prelude", "beethoven-woo59-fuer-elise",
           "petzold-anh114-minuet"]
OUTPUTS = 4  # of each primer
TRAIN = ["--steps", "300", "--layers", "1", "--hidden", "64", "--embedding", "32", "--batch-size", "16", "--threads", "1"]
LONGEST = 5.01  # seconds: the grammar limits notes to 5 s; times are rounded to 10 ms


def run(*arguments):
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))}: status {result.returncode}: {result.stderr}")


def notes_by_hand(path, mido):
    """Notes as (start, end, pitch, velocity) in ticks, in file order; and a list of errors."""
    notes, faults = [], []
    for track in mido.MidiFile(path).tracks:  # strict: mido raises at the first invalid byte
        now, sounding = 0, {}
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                if key in sounding:
                    faults.append(f"tick {now}: pitch {message.note} begins while it is active")
                sounding[key] = (now, message.velocity)
            elif key not in sounding:
                faults.append(f"tick {now}: pitch {message.note} ends without a beginning")
            else:
                start, velocity = sounding.pop(key)
                if now == start:
                    faults.append(f"tick {now}: pitch {message.note} has no length")
                notes.append((start, now, message.note, velocity))
        faults += [f"pitch {pitch}, begun at tick {start}, never ends" for (_, pitch), (start, _) in sounding.items()]
    return sorted(notes), faults


def check(path, output, mido, symusic, continued=True):
    """The errors in one file, and its notes in seconds. In a variation new notes may be anywhere."""
    notes, faults = notes_by_hand(path, mido)
    score = symusic.Score(path)
    theirs = sorted((n.start, n.end, n.pitch, n.velocity) for t in score.tracks for n in t.notes)
    if theirs != notes:
        faults.append(f"mido reads {len(notes)} notes, symusic {len(theirs)}, or they differ")
    seconds = sorted((n.start, n.end, n.pitch) for t in score.to("second").tracks for n in t.notes)
    begun = output["primer_seconds"] - 0.001 if continued else 0  # symusic computes in single precision
    new = [n for n in seconds if n[0] >= begun]
    if continued and (not new or len(new) != output["notes"]):
        faults.append(f"{len(new)} notes after the primer, the manifest says {output['notes']}")
    faults += [f"a note of {end - start:.2f} s at {start:.2f} s" for start, end, _ in new if end - start > LONGEST]
    faults += [f"pitch {pitch} is not on a piano" for _, _, pitch in new if not 21 <= pitch <= 108]
    return faults, seconds


def main():
    piano, scores = sys.argv[1], pathlib.Path(sys.argv[2])
    try:
        import mido
        import symusic
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    failed, files = False, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        run(piano, "train", "--scores", "--run-dir", folder / "run", *TRAIN)
        for k, primer in enumerate(PRIMERS):
            out = folder / primer
            run(piano, "sample", "--run-dir", folder / "run", "--output-dir", out, "--primer-midi", scores / f"{primer}.abc",
                "--primer-seconds", 6, "--seconds", 12, "--num-outputs", OUTPUTS, "--temperature", 1, "--seed", 1 + OUTPUTS * k)
            beginnings, continuations = set(), set()
            for output in json.loads((out / "manifest.json").read_text())["outputs"]:
                faults, notes = check(out / output["file"], output, mido, symusic)
                begun = output["primer_seconds"] - 0.001
                beginnings.add(tuple((start, pitch) for start, _, pitch in notes if start < begun))
                continuations.add(tuple(n for n in notes if n[0] >= begun))
                files += 1
                failed |= bool(faults)
                print(f"{primer}/{output['file']}: {len(notes)} notes: {'; '.join(faults) or 'well-formed'}")
            if len(beginnings) != 1 or not all(beginnings) or len(continuations) != OUTPUTS:
                failed = True
                print(f"{primer}: {len(beginnings)} beginnings and {len(continuations)} continuations, wanted 1 and {OUTPUTS}")
        for primer in PRIMERS[:2]:
            out = folder / f"{primer}-varied"
            run(piano, "sample", "--run-dir", folder / "run", "--output-dir", out, "--primer-midi", scores / f"{primer}.abc",
                "--primer-seconds", 15, "--mode", "vary", "--vary-fraction", 0.4, "--temperature", 2, "--num-outputs", OUTPUTS)
            varied = set()
            for output in json.loads((out / "manifest.json").read_text())["outputs"]:
                faults, notes = check(out / output["file"], output, mido, symusic, continued=False)
                if notes[-1][0] >= 15:
                    faults.append(f"a note begins at {notes[-1][0]:.2f} s, past the primer's 15")
                varied.add(tuple(notes))
                files += 1
                failed |= bool(faults)
                print(f"{out.name}/{output['file']}: {len(notes)} notes: {'; '.join(faults) or 'well-formed'}")
            if len(varied) != OUTPUTS:
                failed = True
                print(f"{primer}: {len(varied)} variations, wanted {OUTPUTS}")
    print(f"{files} files")
    return 1 if failed or files != OUTPUTS * (len(PRIMERS) + 2) else 0


if __name__ == "__main__":
    sys.exit(main())
