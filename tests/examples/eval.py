# SPDX-License-Identifier: MIT
"""Tests of `piano eval` with two models: one that has memorised two pieces, and one that was trained briefly.

Usage: eval.py PIANO SCORES_DIR. The likelihood is also computed with numpy, if it is installed.
"""

import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PIANO, SCORES = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
MEMORISED = ["bach-bwv772-invention-1", "bach-bwv846-prelude"]
MEMORISE = ["--evaluations", 1, "--no-augment", "--dropout", 0, "--weight-decay", 0]  # the last weights, not those best on validation
HELD_OUT = ["beethoven-woo59-fuer-elise", "petzold-anh114-minuet"]


def run(*arguments):
    result = subprocess.run([PIANO, *map(str, arguments)], capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, arguments))}: status {result.returncode}: {result.stderr}")
    return result.stdout


def train(run_dir, data, validation, *arguments):
    conditions = () if "--condition" in arguments or "--config" in arguments else ("--condition", "none")
    run("train", "--run-dir", run_dir, "--data", *data, "--validation", *validation, "--layers", 1, "--threads", 1,
        *conditions, *arguments)


def evaluate(run_dir, *arguments):
    return json.loads(run("eval", "--run-dir", run_dir, "--json", *arguments))


def paths(names):
    return [SCORES / f"{name}.abc" for name in names]


def write_midi(path, notes):
    """Notes as (start, end, pitch, velocity) in steps of 10 ms; a quarter note has 50 steps."""
    ups = [(end, 0, pitch, 0) for _, end, pitch, _ in notes]
    moments = sorted([(start, 1, pitch, velocity) for start, _, pitch, velocity in notes] + ups)
    track, now = bytearray(), 0
    for step, down, pitch, velocity in moments:
        delta = step - now
        now = step
        track += bytes([0x80 | delta >> 7, delta & 127] if delta > 127 else [delta])
        track += bytes([0x90 if down else 0x80, pitch, velocity])
    track += b"\0\xff\x2f\0"
    path.write_bytes(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 50) + b"MTrk" + struct.pack(">I", len(track)) + track)


def tokens_of(notes):
    """The tokens of such notes: in one step note-offs, then note-ons, each from the lowest pitch."""
    ups = [(end, 0, pitch, 0) for _, end, pitch, _ in notes]
    moments = sorted([(start, 1, pitch, (velocity - 1) // 4) for start, _, pitch, velocity in notes] + ups)
    tokens, now, loud = [], moments[0][0], None
    for step, down, pitch, velocity in moments:
        while step > now:
            shift = min(100, step - now)
            tokens.append(255 + shift)
            now += shift
        if down and velocity != loud:
            tokens.append(356 + velocity)
            loud = velocity
        tokens.append(pitch if down else 128 + pitch)
    return tokens


class Grammar:
    """Which tokens an encoder could write next, in pedal mode extend, whatever the music."""

    def __init__(self):
        self.struck = {}  # pitch of a key that is down: the steps at which it was struck
        self.now, self.last, self.loud = 0, (0, -1), None  # last: note-off 1 or note-on 2 of this step, and its pitch
        self.after_velocity = self.after_short_shift = False

    def feed(self, token):
        self.after_velocity = token >= 356
        self.after_short_shift = 256 <= token < 355
        if token >= 356:
            self.loud = token - 356
        elif token >= 256:
            self.now, self.last = self.now + token - 255, (0, -1)
        elif token < 128:
            self.struck.setdefault(token, []).append(self.now)
            self.last = (2, token)
        else:
            starts = self.struck[token - 128]
            starts.pop(0)
            if not starts:
                del self.struck[token - 128]
            self.last = (1, token - 128)

    def allows(self, token):
        if token < 128:
            return self.loud is not None and (2, token) >= self.last
        if self.after_velocity:
            return False
        if token < 256:
            starts = self.struck.get(token - 128)
            return bool(starts) and starts[-1] < self.now and (1, token - 128) >= self.last
        return token - 356 != self.loud if token >= 356 else not self.after_short_shift


def some_notes(state=1, count=150):
    """An irregular melody over chords; notes of one pitch do not overlap, some rests are longer than a second."""
    notes, now = [], 0
    for i in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        chance = state >> 8
        length = 10 + chance % 23
        notes.append((now, now + length, 60 + chance // 23 % 20, 40 + chance // 460 % 60))
        if i % 4 == 0:
            notes.append((now, now + length - 3, 40 + i % 12, 50))
        now += length + (chance % 5) + (130 if i % 37 == 36 else 0)
    return notes


def struck(notes):
    """The notes (start, pitch) in order, those of a chord (35 ms) by pitch, as (pitch, whether in a chord with the one
    before)."""
    result, chord, begun = [], [], -1
    for start, pitch in sorted(notes):
        if chord and start > begun + 0.035:
            result += [(p, i > 0) for i, p in enumerate(sorted(chord))]
            chord = []
        begun = begun if chord else start
        chord.append(pitch)
    return result + [(p, i > 0) for i, p in enumerate(sorted(chord))]


def shared(output, pieces, any_key=False):
    """The longest run of notes that is also in a piece, and the share of the output in runs of 8 or more, by exhaustive
    search."""
    longest, inside = 0, set()
    for piece in pieces:
        for i in range(len(output)):
            for j in range(len(piece)):
                n, shift = 0, output[i][0] - piece[j][0] if any_key else 0
                while (i + n < len(output) and j + n < len(piece) and output[i + n][0] - piece[j + n][0] == shift
                       and (n == 0 or output[i + n][1] == piece[j + n][1])):
                    n += 1
                longest = max(longest, n if n > 1 else 0)
                if n >= 8:
                    inside.update(range(i, i + n))
    return longest, len(inside) / len(output)


class Evaluation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.memorised, cls.brief = cls.folder / "memorised", cls.folder / "brief"
        train(cls.memorised, paths(MEMORISED + HELD_OUT[1:]), HELD_OUT[1:], *MEMORISE, "--steps", 1600,
              "--hidden", 192, "--embedding", 64, "--batch-size", 16)
        train(cls.brief, paths(MEMORISED + HELD_OUT), HELD_OUT, "--steps", 300, "--hidden", 64, "--embedding", 32,
              "--batch-size", 16)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_copies_of_a_model_that_has_memorised_pieces_are_detected(self):
        report = evaluate(self.memorised, "--data", *paths(MEMORISED + HELD_OUT), "--only", *MEMORISED, "--num-outputs", 12)
        m = report["memorisation"]
        self.assertTrue(m["copy_thresholds"]["from_held_out"])
        self.assertEqual(m["held_out"]["excluded"], 0)  # none of the memorised pieces is among the others
        self.assertGreaterEqual(m["held_out"]["excerpts"], 8)
        self.assertLess(m["held_out"]["longest_run"], 16)
        copied = [o for o in m["outputs"] if o["copied"]]
        self.assertGreaterEqual(len(copied), 6, [(o["longest_run"], o["share"]) for o in m["outputs"]])
        for o in copied:
            self.assertIn(o["piece"], MEMORISED)
            self.assertTrue(1 <= o["bar"] <= 35, o)  # the prelude's number of bars; the invention has 22
            self.assertGreaterEqual(max(o["share"] - m["copy_thresholds"]["share"],
                                        o["transposed"]["share"] - m["copy_thresholds"]["transposed"]["share"]), 0)
        # The fixed thresholds detect it, too.
        alone = evaluate(self.memorised, "--data", *paths(MEMORISED), "--num-outputs", 12)["memorisation"]
        self.assertFalse(alone["copy_thresholds"]["from_held_out"])
        self.assertIsNone(alone["held_out"])
        self.assertGreaterEqual(sum(o["copied"] for o in alone["outputs"]), 6)
        # The report says that these are training pieces, and the baselines are leave-one-out.
        self.assertEqual(report["pieces_in_training_set"], 2)
        self.assertEqual(sorted(report["baselines"]["leave_one_out"]), MEMORISED)
        self.assertLess(report["nll_per_token"], 1)
        self.assertGreater(report["baselines"]["trigram"], 3)
        text = run("eval", "--run-dir", self.memorised, "--data", *paths(MEMORISED), "--num-outputs", 12)
        self.assertIn("2 of these are training pieces", text)
        self.assertIn("COPIED: bach-bwv", text)

    def test_a_briefly_trained_model_is_not_flagged(self):
        for temperature in (0.5, 1):
            m = evaluate(self.brief, "--data", *paths(MEMORISED + HELD_OUT), "--num-outputs", 16, "--temperature", temperature)
            self.assertEqual([o["longest_run"] for o in m["memorisation"]["outputs"] if o["copied"]], [])

    def test_a_manifest_agrees_with_an_exhaustive_search(self):
        tunes = {f"tune{k}": some_notes(k, 60) for k in (1, 2, 3)}
        for name, notes in tunes.items():
            write_midi(self.folder / f"{name}.mid", notes)
        run_dir, out = self.folder / "tunes", self.folder / "tunes_out"
        train(run_dir, [self.folder / f"{name}.mid" for name in tunes], ["tune3"], *MEMORISE, "--steps", 800,
              "--hidden", 96, "--embedding", 32, "--batch-size", 8)
        run("sample", "--run-dir", run_dir, "--output-dir", out, "--primer-midi", self.folder / "tune1.mid",
            "--primer-seconds", 5, "--seconds", 10, "--num-outputs", 4, "--temperature", 0.7)
        trained_on = [struck([(start / 100, pitch) for start, _, pitch, _ in tunes[name]]) for name in ("tune1", "tune2")]
        runs = []
        for o in json.loads((out / "manifest.json").read_text())["outputs"]:
            notes = json.loads(run("inspect", "--json", "--notes", out / o["file"]))["files"][0]["notes"]
            new = struck([(n[0], n[2]) for n in notes if n[0] > o["primer_seconds"] - 0.001])
            longest, share = shared(new, trained_on)
            self.assertEqual(o["memorisation"]["longest_run"], longest)
            self.assertAlmostEqual(o["memorisation"]["share"], share, places=9)
            longest_transposed, share_transposed = shared(new, trained_on, any_key=True)
            self.assertEqual(o["memorisation"]["transposed"]["longest_run"], longest_transposed)
            self.assertAlmostEqual(o["memorisation"]["transposed"]["share"], share_transposed, places=9)
            self.assertIsNone(o["memorisation"]["bar"])  # files without a time signature
            runs.append(longest)
        self.assertGreater(max(runs), 10)

    def test_a_model_that_adapts_predicts_better_and_says_what_it_learned_from(self):
        settings = json.loads((self.brief / "config.json").read_text())["adaptation"]
        self.assertEqual(sorted(settings), ["learning_rate", "pull", "window"])
        plain, both = (evaluate(self.brief, "--data", *paths(HELD_OUT), "--num-outputs", 0, *more) for more in ([], ["--adapt"]))
        self.assertNotIn("nll_per_token_adapted", plain)
        self.assertEqual(both["nll_per_token"], plain["nll_per_token"])
        self.assertLess(both["nll_per_token_adapted"], both["nll_per_token"] - 0.02)
        beginnings = both["beginnings"]
        self.assertEqual(beginnings["tokens_per_piece"], 1000)
        self.assertLess(beginnings["nll_per_token_adapted"], beginnings["nll_per_token"] - 0.01)
        self.assertNotEqual(beginnings["nll_per_token"], both["nll_per_token"])
        self.assertIn("adapted to each piece", run("eval", "--run-dir", self.brief, "--data", *paths(HELD_OUT),
                                                   "--num-outputs", 0, "--adapt"))

        out, primer = self.folder / "adapted", self.folder / "figure.mid"
        figure = [(20 * i, 20 * i + 15, 60 + (0, 4, 7, 12, 7, 4)[i % 6], 64) for i in range(150)]
        write_midi(primer, figure)
        run("sample", "--run-dir", self.brief, "--output-dir", out, "--primer-midi", primer, "--primer-seconds", 30,
            "--seconds", 10, "--num-outputs", 2, "--adapt")
        manifest = json.loads((out / "manifest.json").read_text())
        about = manifest["adaptation"]
        self.assertEqual({key: about[key] for key in settings}, settings)
        self.assertEqual(about["primer_tokens"], len(tokens_of(figure)) - 1)
        for o in manifest["outputs"]:
            notes = json.loads(run("inspect", "--json", "--notes", out / o["file"]))["files"][0]["notes"]
            new = struck([(n[0], n[2]) for n in notes if n[0] > o["primer_seconds"] - 0.001])
            self.assertEqual(o["memorisation_of_primer"]["longest_run"],
                             shared(new, [struck([(start / 100, pitch) for start, _, pitch, _ in figure])])[0])
        self.assertIn("--adapt needs a primer", self.failure("sample", "--run-dir", self.brief, "--output-dir", out, "--adapt"))

    def failure(self, *arguments):
        failed = subprocess.run([PIANO, *map(str, arguments)], capture_output=True, text=True, timeout=600)
        self.assertEqual(failed.returncode, 1)
        return failed.stderr

    def test_infill_changes_one_stretch_of_a_piece(self):
        out, piece = self.folder / "filled", self.folder / "piece.mid"
        notes = some_notes(5, 120)
        write_midi(piece, [(start + 100, end + 100, pitch, velocity) for start, end, pitch, velocity in notes])
        sample = ["sample", "--run-dir", self.brief, "--output-dir", out, "--primer-midi", piece, "--mode", "infill"]
        run(*sample, "--from", 9, "--to", 13, "--num-outputs", 2, "--candidates", 12, "--adapt")
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertEqual([manifest["infill"][key] for key in ("from", "to", "candidates")], [9, 13, 12])
        kept = sorted((start, pitch) for start, _, pitch, _ in notes if not 800 <= start < 1200)  # from the first note
        best = [o["following_nll_per_note"] for o in manifest["outputs"]]
        self.assertEqual(best, sorted(best))
        self.assertLess(best[0], manifest["infill"]["median_following_nll_per_note"])
        for o in manifest["outputs"]:
            self.assertAlmostEqual(o["primer_seconds"], 8, places=6)
            all_notes = json.loads(run("inspect", "--json", "--notes", out / o["file"]))["files"][0]["notes"]
            outside = sorted((round(100 * n[0]), n[2]) for n in all_notes if not 7.995 <= n[0] < 11.995)
            self.assertEqual(outside, kept)
            self.assertEqual(len(all_notes) - len(outside), o["notes"])
        self.assertIn("needs --from SECONDS", self.failure(*sample, "--from", 9, "--to", 9))
        self.assertIn("music before and after", self.failure(*sample, "--from", 9, "--to", 9000))
        prelude = sample[:5] + ["--primer-midi", SCORES / "bach-bwv846-prelude.abc", "--mode", "infill"]
        manifest = json.loads(run(*prelude, "--from-bar", 3, "--to-bar", 4, "--num-outputs", 1, "--candidates", 4, "--json"))
        self.assertGreater(manifest["infill"]["from"], 0)
        self.assertAlmostEqual(manifest["infill"]["to"], 2 * manifest["infill"]["from"], delta=0.5)  # bars of 3.6 s
        self.assertIn("which has bars 1 to 35", self.failure(*prelude, "--from-bar", 3, "--to-bar", 99))
        self.assertIn("the whole piece", self.failure(*sample[:5], "--mode", "infill", "--primer-notes", "C4"))

    def test_long_samples_are_compared_minute_by_minute(self):
        # Five notes a second in the first minute, two in the second, three in a third that is not whole.
        starts = [20 * i for i in range(300)] + [6000 + 50 * i for i in range(120)] + [12000 + 33 * i for i in range(60)]
        slower = self.folder / "slower.mid"
        write_midi(slower, [(start, start + 15, 60 + i % 7, 64) for i, start in enumerate(starts)])
        both = ["--data", *paths(HELD_OUT), slower, "--only", HELD_OUT[0], "--num-outputs", 3]
        self.assertIsNone(evaluate(self.brief, *both, "--seconds", 20)["drift"])
        drift = evaluate(self.brief, *both, "--seconds", 130)["drift"]
        self.assertEqual([(m["minute"], m["performances"]) for m in drift["outputs"]][0], (1, 3))
        for minute in drift["outputs"]:
            self.assertTrue(1 < minute["nll_per_token"] < 6, minute)
            self.assertTrue(0 < minute["overlap_area"] <= 1, minute)
        # The others are too short for a second minute.
        second = next(m for m in drift["held_out"] if m["minute"] == 2)
        self.assertEqual(second["performances"], 1)
        self.assertAlmostEqual(second["notes_per_second"], 2, delta=0.1)
        self.assertEqual(max(m["minute"] for m in drift["held_out"]), 2)

    def test_the_report_agrees_with_itself(self):
        report = evaluate(self.brief, "--data", *paths(HELD_OUT), "--num-outputs", 8)
        total = report["nll_per_token"] * report["tokens"]
        self.assertAlmostEqual(report["nll_per_note"] * report["notes"], total, places=6)
        self.assertAlmostEqual(report["nll_per_second"] * report["seconds"], total, places=6)
        self.assertEqual(report["pieces_in_training_set"], 0)
        self.assertEqual(report["baselines"]["leave_one_out"], [])
        self.assertEqual(report["bars"]["pieces"], 2)
        d = report["distribution"]
        self.assertEqual(d["style"], "training pieces")
        for key in ("overlap_area", "kl"):
            values = [f[key] for f in d["features"].values()]
            self.assertAlmostEqual(d[key], sum(values) / len(values), places=9)
            self.assertTrue(all(math.isfinite(v) and v >= 0 for v in values))
        self.assertGreater(d["held_out"]["overlap_area"], 0)
        for name in ("notes_per_second", "velocity", "polyphony"):
            low, high = d["training_p10_p90"][name]
            self.assertEqual(d["inside_p10_p90"][name], low <= d["outputs"][name] <= high)
            style = d["features"][name]["style"]
            self.assertTrue(low < style["mean"] < high)
        outputs = report["memorisation"]["outputs"]
        self.assertEqual(len(outputs), 8)
        self.assertTrue(all(0 < o["overlap_area"] < 1 and o["polyphony"] >= 1 for o in outputs))
        faster = sum(o["notes_per_second"] for o in outputs) / 8  # of whole outputs: close to the mean of the windows
        self.assertAlmostEqual(faster, d["outputs"]["notes_per_second"], delta=0.3 * faster)
        self.assertIsNone(evaluate(self.brief, "--data", *paths(HELD_OUT), "--num-outputs", 0)["distribution"])

    def test_likelihood_and_calibration_agree_with_numpy(self):
        try:
            import numpy as np
        except ImportError:
            self.skipTest("no numpy")
        notes = some_notes()
        write_midi(self.folder / "plain.mid", notes)
        report = evaluate(self.brief, "--data", self.folder / "plain.mid", "--num-outputs", 0)

        raw = (self.brief / "model.safetensors").read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        weights = {}
        for name, entry in json.loads(raw[8 : 8 + size]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                values = np.frombuffer(raw[8 + size + begin : 8 + size + end], "<f4").astype(float)
                weights[name] = values.reshape(entry["shape"])
        tokens = tokens_of(notes)
        h = c = np.zeros(weights["lstm.weight_hh_l0"].shape[1])
        nats, sure, right = [], [], []
        grammar = Grammar()
        for token, target in zip(tokens, tokens[1:]):
            grammar.feed(token)
            gates = weights["lstm.weight_ih_l0"] @ weights["embedding.weight"][token] + weights["lstm.weight_hh_l0"] @ h
            i, f, g, o = np.split(gates + weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"], 4)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
            z = weights["output.weight"] @ h + weights["output.bias"]
            self.assertTrue(grammar.allows(target))
            z -= [0 if grammar.allows(n) else 30 for n in range(len(z))]
            p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
            nats.append(-np.log(p[target]))
            sure.append(p.max())
            right.append(p.argmax() == target)
        nats, sure, right, target = np.array(nats), np.array(sure), np.array(right), np.array(tokens[1:])
        self.assertGreater(len(tokens), 500)
        self.assertEqual(report["tokens"], len(tokens) - 1)
        self.assertEqual(report["notes"], len(notes))
        self.assertAlmostEqual(report["nll_per_token"], nats.mean(), places=4)
        self.assertAlmostEqual(report["accuracy"], right.mean(), delta=0.003)
        shifts = target[(target >= 256) & (target < 356)] - 255
        self.assertAlmostEqual(report["seconds"], shifts.sum() / 100, places=6)
        kinds = {"note_on": (0, 128), "note_off": (128, 256), "time_shift": (256, 356), "velocity": (356, 388)}
        for kind, (low, high) in kinds.items():
            own = nats[(target >= low) & (target < high)]
            self.assertAlmostEqual(report["nll_by_event"][kind], own.mean(), places=4)
        bins, error = report["calibration"]["bins"], 0
        self.assertEqual(sum(b["count"] for b in bins), len(nats))
        for b in bins:
            inside = (sure > b["low"]) & (sure <= b["high"])
            self.assertAlmostEqual(b["count"], inside.sum(), delta=2)  # a value on the edge may be in either bin
            if inside.any():
                error += abs(right[inside].mean() - sure[inside].mean()) * inside.mean()
        self.assertGreater(error, 0.01)
        self.assertAlmostEqual(report["calibration"]["ece"], error, delta=0.004)


if __name__ == "__main__":
    unittest.main()
