# SPDX-License-Identifier: MIT
"""Compares how the piano program reads folders, primers and bars with mido and symusic; tests the audio that it renders.

Usage: data.py files DATA_TOOL SCORES_DIR TEST_DATA | audio DATA_TOOL DATA_TOOL_WITHOUT_AUDIO
Exit status: 0 all as it should be, 1 not, 77 what it compares with (mido and symusic; numpy, a SoundFont) is absent.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import wave

faults = []


def check(condition, what):
    if not condition:
        faults.append(what)


def run(*arguments, env=None, user=None):
    """Its JSON and its stderr; None instead of the JSON if it failed."""
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, user=user,
                            env={**os.environ, **(env or {})})
    return (json.loads(result.stdout) if result.returncode == 0 else None), result.stderr


# ---- primers and bars ----------------------------------------------------------------------------------------------


def notes_by_mido(path, mido):
    """Notes without drums as [start, end, pitch, velocity] in seconds: first in, first out, per track."""
    file = mido.MidiFile(path, clip=True)
    tempi = [(0, 500000)]
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempi.append((tick, message.tempo))
    tempi.sort(key=lambda change: change[0])

    def seconds(tick):
        total, (at, tempo) = 0.0, tempi[0]
        for start, following in tempi[1:]:
            if start > tick:
                break
            total += (start - at) * tempo / 1e6 / file.ticks_per_beat
            at, tempo = start, following
        return total + (tick - at) * tempo / 1e6 / file.ticks_per_beat

    notes = []
    for track in file.tracks:
        tick, sounding = 0, {}
        for message in track:
            tick += message.time
            if message.type not in ("note_on", "note_off") or message.channel == 9:
                continue
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                sounding.setdefault(key, []).append((tick, message.velocity))
            elif sounding.get(key):
                start, velocity = sounding[key].pop(0)
                notes.append([seconds(start), seconds(tick), message.note, velocity])
    return sorted(notes), seconds


def bars_by_mido(path, mido):
    """The starts of bars in seconds, from the time signatures of all tracks."""
    file = mido.MidiFile(path, clip=True)
    _, seconds = notes_by_mido(path, mido)
    signs, last = {}, 0
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "time_signature":
                signs[tick] = (message.numerator, message.denominator)
            if message.type == "note_on" and message.velocity > 0 and message.channel != 9:
                last = max(last, tick)
    bars, tick, sign = [], 0, (4, 4)
    changes = sorted(signs)
    while tick <= last:
        sign = signs.get(tick, sign)
        bars.append(seconds(tick))
        following = tick + file.ticks_per_beat * 4 * sign[0] // sign[1]
        between = [c for c in changes if tick < c < following and signs[c] != sign]
        tick = between[0] if between else following
    return bars


def test_primers(tool, data, mido, symusic):
    for path in sorted((data / "maestro10").glob("*.mid")):
        mine, _ = run(tool, "primer", path, 20, "ignore")
        theirs, _ = notes_by_mido(path, mido)
        begin = theirs[0][0]
        expected = [[s - begin, min(e, s + 5) - begin, p, v] for s, e, p, v in theirs if s < begin + 20]
        got = sorted(mine["notes"], key=lambda n: (n[0], n[2]))
        expected.sort(key=lambda n: (n[0], n[2]))
        check(len(got) == len(expected) and all(
            abs(a[0] - b[0]) < 1e-6 and abs(a[1] - b[1]) < 1e-6 and a[2:] == b[2:] for a, b in zip(got, expected)),
              f"{path.name}: primer of {len(got)} notes, mido makes another of {len(expected)}")
        second = symusic.Score(path).to("second")
        first = min(n.start for t in second.tracks for n in t.notes)
        count = sum(first <= n.start < first + 20 for t in second.tracks for n in t.notes)
        check(count == len(got), f"{path.name}: primer of {len(got)} notes, symusic makes {count}")
    # faulty files: a primer is well-formed, or there is an error of one line
    primers = 0
    for path in sorted((data / "odd-midi").rglob("*.mid")):
        for pedal in ("extend", "tokens", "ignore"):
            primer, error = run(tool, "primer", path, 10, pedal)
            if primer is None:
                check(error.count("\n") == 1 and path.name in error, f"{path}: the error is {error!r}")
                continue
            primers += 1
            up = {}
            for start, end, pitch, velocity in sorted(primer["notes"]):
                check(0 <= start < 10 and start <= end <= start + 5 + 1e-9 and 1 <= velocity <= 127,
                      f"{path.name}, {pedal}: a note at {start} of {end - start} s")
                check(start >= up.get(pitch, 0) - 1e-9, f"{path.name}, {pedal}: pitch {pitch} overlaps")
                up[pitch] = end
            check(primer["notes"][0][0] == 0, f"{path.name}: begins at {primer['notes'][0][0]} s")
    check(primers > 150, f"only {primers} primers of faulty files")


def test_bars(tool, data, mido):
    for path in sorted((data / "maestro10").glob("*.mid")):
        check(run(tool, "bars", path)[0] == [], f"{path.name}: bars, though it was recorded without a metronome")
    compared = 0
    for path in sorted((data / "score-references").glob("*.mid*")):
        mine, _ = run(tool, "bars", path)
        theirs = bars_by_mido(path, mido)
        compared += len(mine)
        check([b[1] for b in mine] == list(range(1, len(mine) + 1)), f"{path.name}: bars are not numbered consecutively")
        check(len(mine) == len(theirs) and all(abs(a[0] - b) < 1e-6 for a, b in zip(mine, theirs)),
              f"{path.name}: {len(mine)} bars, mido makes {len(theirs)}, or others")
    check(compared > 800, f"only {compared} bars were compared")


# ---- folders ---------------------------------------------------------------------------------------------------------


def test_folders(tool, scores, folder):
    music = folder / "music"
    (music / "locked").mkdir(parents=True)
    tunes = [p.read_text() for p in sorted(scores.glob("*.abc"))]
    for i in range(60):  # other tempi are other music
        text = tunes[i % len(tunes)]
        number = text.index("Q:")
        line = text[number:text.index("\n", number)]
        (music / f"{i}.abc").write_text(text.replace(line, f"Q:1/4={60 + i}", 1))
    old = time.time() - 100
    for path in music.glob("*.abc"):
        os.utime(path, (old, old))
    without, _ = run(tool, "load", "-", 1, "extend", music)
    check(len(without["pieces"]) == 60, f"{len(without['pieces'])} pieces of 60: {without['problems'][:3]}")
    check(without["rising"] and without["reports"] == without["total"] == 60, "progress does not count the files")

    # several processes write the cache at once: the result is the same as of a single one
    cache = folder / "cache"
    run(tool, "load", cache, 1, "extend", music)
    (made_alone,) = [path.read_bytes() for path in cache.iterdir()]
    for _ in range(4):
        shutil.rmtree(cache)
        processes = [subprocess.Popen([str(tool), "load", str(cache), "2", "extend", str(music)],
                                      stdout=subprocess.PIPE, text=True) for _ in range(6)]
        answers = [json.loads(p.communicate()[0]) for p in processes]
        check(all(a["hash"] == without["hash"] for a in answers), "concurrent processes disturb each other")
        check([path.read_bytes() for path in cache.iterdir()] == [made_alone],
              "processes at once leave a broken cache, or litter")

    # the folder of the cache
    run(tool, "load", "", 1, "extend", music, env={"XDG_CACHE_HOME": str(folder / "xdg"), "HOME": str(folder / "home")})
    check(len(list((folder / "xdg" / "rondo").glob("readings-*"))) == 1, "no cache in $XDG_CACHE_HOME/rondo")
    check(not (folder / "home").exists(), "a cache in the home folder although XDG_CACHE_HOME is set")
    run(tool, "load", "", 1, "extend", music, env={"XDG_CACHE_HOME": "relative", "HOME": str(folder / "home")})
    check(len(list((folder / "home" / ".cache" / "rondo").glob("readings-*"))) == 1, "no cache in ~/.cache/rondo")
    read_only = {"XDG_CACHE_HOME": "/proc/nowhere"}
    check(run(tool, "load", "", 1, "extend", music, env=read_only)[0]["hash"] == without["hash"],
          "a cache that cannot be written is an error")

    # a folder and a file without permission (root has all permissions)
    if os.geteuid() == 0:
        shutil.copy(tool, folder / "tool")
        for path in (folder, music):
            path.chmod(0o755)
        (music / "locked").chmod(0o700)
        (music / "0.abc").chmod(0o600)
        refused, _ = run(folder / "tool", "load", "-", 1, "extend", music, user=65534)
        check(refused is not None and len(refused["pieces"]) == 59 and
              sorted(p.split(": ", 1)[0] for p in refused["problems"]) == [str(music / "0.abc"), str(music / "locked")],
              f"a locked folder and a locked file: {refused and refused['problems']}")


# ---- audio -----------------------------------------------------------------------------------------------------------

RATE, TAIL = 44100, 3.0


def variable(number):
    """A variable-length quantity."""
    out = [number & 127]
    while number := number >> 7:
        out.insert(0, 128 | number & 127)
    return bytes(out)


def midi_file(events):
    """A MIDI file of (seconds, bytes); a tick is a millisecond."""
    track, now = b"", 0
    for when, event in sorted(events, key=lambda e: e[0]):
        tick = round(when * 1000)
        track, now = track + variable(tick - now) + bytes(event), tick
    track += b"\0\xff\x2f\0"
    return b"MThd\0\0\0\6\0\0\0\1" + (500).to_bytes(2, "big") + b"MTrk" + len(track).to_bytes(4, "big") + track


def note(start, end, pitch, velocity=80):
    return [(start, (0x90, pitch, velocity)), (end, (0x80, pitch, 0))]


def render(tool, folder, events):
    (folder / "in.mid").write_bytes(midi_file(events))
    answer, error = run(tool, "wav", folder / "in.mid", folder / "out.wav")
    check(answer is not None and error == "", f"rendering fails: {error!r}")
    with wave.open(str(folder / "out.wav")) as sound:
        form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
        check(form == (2, 2, RATE), f"channels, bytes per sample and rate are {form}")
        return sound.readframes(sound.getnframes())


def test_audio(tool, folder, np):
    def sound(events):
        return np.frombuffer(render(tool, folder, events), "<i2").reshape(-1, 2) / 32768

    def loudness(samples, start, end):
        part = samples[int(start * RATE):int(end * RATE)]
        return 20 * np.log10(np.sqrt((part ** 2).mean()) + 1e-9)

    def pitch_of(samples, start, end):
        """The pitch whose first six partials have most of the energy."""
        part = samples[int(start * RATE):int(end * RATE)].sum(axis=1)
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18)) ** 2
        width = (1 << 18) / RATE

        def share(pitch):
            base = 440 * 2 ** ((pitch - 69) / 12)
            return sum(power[int(k * base * 0.99 * width):int(k * base * 1.01 * width) + 1].sum() for k in range(1, 7))

        return max(range(40, 90), key=lambda pitch: (share(pitch), pitch))

    pitches = [60, 69, 55]
    events = [e for i, p in enumerate(pitches) for e in note(1 + 3 * i, 2 + 3 * i, p)]
    samples = sound(events)
    length = len(samples) / RATE
    check(abs(length - (8 + TAIL)) < 1e-3, f"{length} s of sound for notes up to 8 s")
    check(loudness(samples, 0, 0.99) < -80, f"before the first note {loudness(samples, 0, 0.99):.0f} dB")
    peak = 20 * np.log10(np.abs(samples).max())
    check(abs(peak + 1) < 0.1, f"the peak is at {peak:.2f} dB")
    for i, pitch in enumerate(pitches):
        on, off = loudness(samples, 1 + 3 * i, 1.8 + 3 * i), loudness(samples, 3.2 + 3 * i, 3.9 + 3 * i)
        check(on > -30 and off < on - 30, f"note {i}: {on:.0f} dB while it sounds, {off:.0f} dB when it is over")
        check(pitch_of(samples, 1.05 + 3 * i, 1.9 + 3 * i) == pitch,
              f"note {i} is {pitch_of(samples, 1.05 + 3 * i, 1.9 + 3 * i)}, wanted {pitch}")
    check(np.abs(samples[-1]).max() < 1e-3, "the end is cut off")
    check(np.abs(samples[:, 0] - samples[:, 1]).max() > 1e-3, "left and right are equal")

    # the pedal holds the note and lengthens the output; soft music is normalised
    samples = sound(note(0, 1, 60, 20) + [(0.5, (0xB0, 64, 127)), (4, (0xB0, 64, 0))])
    check(abs(len(samples) / RATE - (4 + TAIL)) < 1e-3, f"{len(samples) / RATE} s of sound for a pedal up to 4 s")
    check(loudness(samples, 2, 3.5) > -45, f"under the pedal {loudness(samples, 2, 3.5):.0f} dB")
    check(abs(20 * np.log10(np.abs(samples).max()) + 1) < 0.1, "soft music is not normalised")

    # many loud notes do not clip
    samples = sound([e for pitch in range(30, 100, 2) for e in note(0, 2, pitch, 127)])
    check((np.abs(samples) > 0.95).sum() == 0, "a cluster clips")

    (folder / "no font.sf2").write_text("not a SoundFont")
    errors = {
        "no notes": (tool, midi_file([]), {}),
        "no font.sf2 is not a SoundFont": (tool, midi_file(note(0, 1, 60)),
                                        {"RONDO_SOUNDFONT": str(folder / "no font.sf2")}),
        "RONDO_SOUNDFONT: no SoundFont at /nowhere": (tool, midi_file(note(0, 1, 60)), {"RONDO_SOUNDFONT": "/nowhere"}),
        "the music lasts 3601 s, at most 3600 s can be rendered": (tool, midi_file(note(0, 3601, 60)), {}),
    }
    before = (folder / "out.wav").read_bytes()
    for wanted, (program, content, env) in errors.items():
        (folder / "in.mid").write_bytes(content)
        answer, error = run(program, "wav", folder / "in.mid", folder / "out.wav", env=env)
        check(answer is None and wanted in error and error.count("\n") == 1,
              f"wanted {wanted}, got {error!r}")
    check((folder / "out.wav").read_bytes() == before, "a failed rendering changed the file")
    (folder / "in.mid").write_bytes(midi_file(note(0, 1, 60)))
    _, error = run(tool, "wav", folder / "in.mid", folder / "absent" / "out.wav")
    check("out.wav: cannot be written" in error, f"a folder that does not exist: {error!r}")

    # the user's own SoundFonts come first, by their usual name before others
    fonts = folder / "data" / "soundfonts"
    fonts.mkdir(parents=True)
    for name in ("a.sf2", "b.sf3"):
        (fonts / name).write_text("")
    mine = {"XDG_DATA_HOME": str(folder / "data")}
    check(run(tool, "font", env=mine)[0] == str(fonts / "a.sf2"), "the first SoundFont by name is not taken")
    (fonts / "default.sf2").write_text("")
    check(run(tool, "font", env=mine)[0] == str(fonts / "default.sf2"), "the default SoundFont is not taken")


def test_no_audio(without, folder):
    (folder / "in.mid").write_bytes(midi_file(note(0, 1, 60)))
    answer, error = run(without, "wav", folder / "in.mid", folder / "none.wav")
    check(answer is None and error.count("\n") == 1 and error.startswith("--wav: ") and
          "libfluidsynth-dev" in error, f"without FluidSynth the error is {error!r}")
    check(not (folder / "none.wav").exists(), "without FluidSynth there is a file")


def main():
    what, tool = sys.argv[1], pathlib.Path(sys.argv[2])
    skipped = ""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if what == "files":
            scores, data = pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
            test_folders(tool, scores, folder)
            try:
                import mido
                import symusic
                if data.is_dir():
                    test_primers(tool, data, mido, symusic)
                    test_bars(tool, data, mido)
                else:
                    skipped = f"no data in {data}"
            except ImportError as missing:
                skipped = f"{missing.name} is absent"
        else:
            test_no_audio(pathlib.Path(sys.argv[3]), folder)
            _, error = run(tool, "font")
            try:
                import numpy
                if error:
                    skipped = error.strip()
                else:
                    test_audio(tool, folder, numpy)
            except ImportError as missing:
                skipped = f"{missing.name} is absent"
    for fault in faults[:20]:
        print(fault)
    if faults:
        return 1
    if skipped:
        print("skipped:", skipped)
        return 77
    print("all as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
