# SPDX-License-Identifier: MIT
"""Two hundred continuations of recorded performances: whether they are well-formed, and similar to the training pieces.

Usage: continuations.py PIANO DATA_DIR [RUN_DIR]. DATA_DIR holds MIDI files. RUN_DIR is a trained run; without it one is
trained for ten minutes on the files of DATA_DIR but the last two. Exit status: 0 passed, 1 failed, 77 nothing to
compare with.

20 primers of 10 s, 10 outputs each of 30 s, temperature 1. Checks of every file: symusic, mido and (if it is installed)
FluidSynth read it; every note has an end and a length, none is doubled; no pitch has over 35 % of the new notes, no silence
is over 4 s. Checks of all: density, velocity and polyphony inside the training range, a mean overlap area of 0.77.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from sampling import check, run

OVERLAP = 0.77  # the value of Performance RNN on its own data
PRIMERS, OUTPUTS = 20, 10


def longest_silence(notes):
    """The longest time in seconds without an active note, between the first note and the last."""
    longest, until = 0.0, notes[0][0]
    for start, end, _ in sorted(notes):
        longest, until = max(longest, start - until), max(until, end)
    return longest


def plays(path, soundfont):
    """Whether FluidSynth renders the file."""
    result = subprocess.run(["fluidsynth", "-niq", "-r", "8000", "-F", "/dev/null", "-T", "raw", soundfont, str(path)],
                            capture_output=True, text=True, timeout=300)
    return result.returncode == 0 and "error" not in (result.stdout + result.stderr).lower()


def main():
    piano, data = sys.argv[1], pathlib.Path(sys.argv[2])
    try:
        import mido
        import symusic
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    files = sorted(data.glob("*.mid*"))
    if len(files) < 4:
        print(f"skipped: no performances in {data}")
        return 77
    fonts = sorted(pathlib.Path("/usr/share/sounds/sf2").glob("*.sf2"))
    fluidsynth = fonts[0] if fonts and shutil.which("fluidsynth") else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        run_dir = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else folder / "run"
        if len(sys.argv) <= 3:
            run(piano, "train", "--data", data, "--validation", *(f.stem for f in files[-2:]), "--run-dir", run_dir, "--config", "small",
                "--minutes", 10)
        faults, worst_pitch, worst_silence, manifests = [], 0, 0, []
        for k in range(PRIMERS):
            primer, out = files[k % len(files)], folder / f"{k:02}"
            run(piano, "sample", "--run-dir", run_dir, "--output-dir", out, "--primer-midi", primer, "--primer-start",
                60 * (k // len(files)), "--primer-seconds", 10, "--seconds", 30, "--num-outputs", OUTPUTS, "--temperature", 1,
                "--seed", 1 + OUTPUTS * k)
            manifest = json.loads((out / "manifest.json").read_text())
            manifests.append(manifest)
            for output in manifest["outputs"]:
                path = out / output["file"]
                wrong, notes = check(path, output, mido, symusic)
                new = [n for n in notes if n[0] >= output["primer_seconds"] - 0.001]
                pitches = [pitch for _, _, pitch in new]
                share = max(pitches.count(p) for p in set(pitches)) / len(pitches) if pitches else 1
                silence = longest_silence(notes)
                worst_pitch, worst_silence = max(worst_pitch, share), max(worst_silence, silence)
                if share > 0.35:
                    wrong.append(f"one pitch has {100 * share:.0f} % of the notes")
                if silence > 4.01:
                    wrong.append(f"{silence:.1f} s of silence")
                if fluidsynth and not plays(path, fluidsynth):
                    wrong.append("FluidSynth cannot render it")
                faults += [f"{primer.stem}, {path.name}: {fault}" for fault in wrong]
    outputs = [o for m in manifests for o in m["outputs"]]
    mean = lambda key: sum(o[key] for o in outputs) / len(outputs)
    ranges = manifests[0]["distribution"]["training_p10_p90"]
    for fault in faults:
        print(fault)
    print(f"{len(outputs)} files, {len(faults)} faults; read by symusic, mido{', FluidSynth' if fluidsynth else ''}")
    print(f"one pitch at most {100 * worst_pitch:.0f} % of the notes, {worst_silence:.1f} s of silence at most")
    failed = bool(faults) or len(outputs) != PRIMERS * OUTPUTS
    for key in ("notes_per_second", "velocity", "polyphony"):
        low, high = ranges[key]
        inside = low <= mean(key) <= high
        failed |= not inside
        print(f"{key}: {mean(key):.2f}, {'inside' if inside else 'OUTSIDE'} {low:.2f} to {high:.2f}")
    overlap = sum(m["distribution"]["overlap_area"] for m in manifests) / len(manifests)
    print(f"overlap area: {overlap:.3f} per primer on average, {mean('overlap_area'):.3f} per output; wanted {OVERLAP}")
    print(f"copied: {sum(o['memorisation']['copied'] for o in outputs)} of {len(outputs)}")
    return 1 if failed or overlap < OVERLAP else 0


if __name__ == "__main__":
    sys.exit(main())
