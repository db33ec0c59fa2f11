# SPDX-License-Identifier: MIT
"""Tests of the piano program by its command line: output files, errors, resumed runs.

Usage: piano.py PIANO CHORALES SCORES_DIR
"""

import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import unittest

PIANO, CHORALES, SCORES = sys.argv.pop(1), sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
PRELUDE = SCORES / "bach-bwv846-prelude.abc"
TINY = ["--layers", "1", "--hidden", "16", "--embedding", "8", "--batch-size", "4", "--sequence-length", "16"]


ALONE = ["--threads", "1"]  # for such small networks more threads are slower, above all on a busy machine


def run(*arguments, program=PIANO, **options):
    alone = ALONE if arguments[0] == "train" else []
    return subprocess.run([program, *map(str, arguments), *alone], capture_output=True, text=True, timeout=600, **options)


def page_data(path):
    """The data of a page."""
    text = path.read_text()
    start = text.index('id="data">') + len('id="data">')
    return json.loads(text[start : text.index("</script>", start)])


def lines_of(run_dir):
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def notes_of(path):
    """Start, end, pitch, velocity of each note, times in whole milliseconds."""
    file = json.loads(run("inspect", "--json", "--notes", path).stdout)["files"][0]
    return sorted((round(1000 * start), round(1000 * end), pitch, velocity) for start, end, pitch, velocity, *_ in file["notes"])


def weights(path):
    """The bytes of a safetensors file after its header, which contains the training time."""
    whole = path.read_bytes()
    return whole[8 + int.from_bytes(whole[:8], "little") :]


def error_line(result):
    """The last line on stderr."""
    lines = [line for line in result.stderr.splitlines() if line]
    return lines[-1] if lines else ""


class Trained(unittest.TestCase):
    """Tests that need a trained model; one is trained for all of them."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.run_dir = cls.folder / "run"
        cls.trained = run("train", "--scores", "--run-dir", cls.run_dir, "--steps", 12, "--evaluations", 2, "--json",
                          "--condition", "none", *TINY)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_train_writes_its_files_and_report(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr)
        report = json.loads(self.trained.stdout)
        for key in ("tokens_train", "tokens_valid", "floors", "steps", "seconds", "tokens_per_second", "train_nll", "valid_nll"):
            self.assertIn(key, report)
        self.assertEqual(report["steps"], 12)
        self.assertLess(report["valid_nll"], report["baselines"]["uniform"])
        self.assertEqual(report["floors"], report["baselines"])  # both names of the same values
        for name in ("model.safetensors", "last.safetensors", "config.json", "metrics.jsonl"):
            self.assertTrue((self.run_dir / name).stat().st_size > 0, name)
        self.assertEqual(report["stop_reason"], "done")
        self.assertEqual(json.loads((self.run_dir / "result.json").read_text()), report)
        lines = lines_of(self.run_dir)
        self.assertEqual([line["step"] for line in lines], list(range(1, 13)))
        self.assertEqual([line["step"] for line in lines if line["valid_nll"] is not None], [6, 12])
        self.assertEqual(lines[-1]["valid_nll"], report["valid_nll"])
        self.assertEqual(min(line["valid_nll"] for line in lines if line["valid_nll"]), report["best_valid_nll"])

    def test_the_same_seed_gives_the_same_bytes(self):
        again = self.folder / "again"
        settings = ["--scores", "--steps", 12, "--evaluations", 2, "--condition", "none", *TINY]
        run("train", "--run-dir", again, *settings)
        self.assertEqual((again / "model.safetensors").read_bytes(), (self.run_dir / "model.safetensors").read_bytes())
        other = self.folder / "other"
        run("train", "--run-dir", other, "--seed", 2, *settings)
        self.assertNotEqual((other / "model.safetensors").read_bytes(), (self.run_dir / "model.safetensors").read_bytes())

    def test_resume_is_bit_exact(self):
        # The learning rate follows the whole run, so the first half is trained as part of one of the same length.
        whole = self.folder / "whole"
        settings = ["--scores", "--steps", 400, "--evaluations", 1, "--dropout", 0.2, "--condition", "active-notes,key", *TINY]
        self.assertEqual(run("train", "--run-dir", whole, *settings).returncode, 0)
        for stop in (signal.SIGINT, signal.SIGTERM):
            parts = self.folder / stop.name
            # with the lowest priority, so that on a busy machine, too, this loop is faster than the remaining steps
            process = subprocess.Popen([PIANO, "train", "--run-dir", str(parts), *ALONE, *map(str, settings)],
                                       stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(19))
            for line in process.stderr:  # stop it after the first steps
                if "loss" in line:
                    process.send_signal(stop)
                    break
            _, rest = process.communicate()
            self.assertEqual(process.returncode, 0, rest)
            self.assertIn("--resume --run-dir", rest)
            self.assertFalse((parts / "result.json").exists())  # the run has not ended
            stopped = lines_of(parts)[-1]
            self.assertLess(stopped["step"], 400)
            self.assertIsNotNone(stopped["valid_nll"])
            resumed = run("train", "--run-dir", parts, "--resume", "--json")
            self.assertEqual(resumed.returncode, 0, resumed.stderr)
            self.assertEqual(json.loads(resumed.stdout)["steps"], 400)
            self.assertEqual(weights(parts / "last.safetensors"), weights(whole / "last.safetensors"))
            steps = [line["step"] for line in lines_of(parts)]
            self.assertEqual(steps, sorted(set(steps)))
            self.assertLessEqual(set(line["step"] for line in lines_of(whole)), set(steps))

    def test_sample_writes_files_and_manifest(self):
        out = self.folder / "samples"
        result = run("sample", "--run-dir", self.run_dir, "--output-dir", out, "--primer-midi", PRELUDE, "--primer-seconds", 5,
                     "--seconds", 5, "--num-outputs", 2, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertEqual(json.loads(result.stdout), manifest)
        self.assertEqual(manifest["checkpoint"], str(self.run_dir / "model.safetensors"))
        self.assertEqual([o["file"] for o in manifest["outputs"]], ["01.mid", "02.mid"])
        self.assertEqual([o["seed"] for o in manifest["outputs"]], [1, 2])
        for output in manifest["outputs"]:
            self.assertGreater(output["notes"], 0)
            self.assertEqual(set(output["memorisation"]) & {"longest_run", "piece", "share"}, {"longest_run", "piece", "share"})
            self.assertGreater(output["nll_per_token"], 0)
            self.assertEqual(output["temperature"], 1)
            self.assertEqual(output["primer_seconds"], 5)
            self.assertTrue(5 < output["seconds"] <= 10.5, output["seconds"])
        shown = page_data(out / "index.html")
        self.assertEqual([o["file"] for o in shown["outputs"]], ["01.mid", "02.mid"])
        for output in shown["outputs"]:  # the page has the notes of the files, and which of them are the primer's
            notes = output["performance"]["notes"]
            self.assertEqual(sorted((round(1000 * s), round(1000 * e), p, v) for s, e, p, v, _ in notes),
                             notes_of(out / output["file"]))
            self.assertEqual([given for _, _, _, _, given in notes], [int(note[0] < 5) for note in notes])
            self.assertEqual(sum(1 - note[4] for note in notes), output["notes"])
        inspected = json.loads(run("inspect", "--json", "--notes", out / "01.mid", out / "02.mid").stdout)["files"]
        for file in inspected:
            self.assertTrue(file["ok"])
            self.assertEqual(file["diagnostics"], [])
            for start, end, *_ in file["notes"]:
                self.assertGreater(end, start)
                self.assertLessEqual(end - start, 5.011)  # the grammar's longest note
        self.assertNotEqual((out / "01.mid").read_bytes(), (out / "02.mid").read_bytes())

    def test_an_output_depends_only_on_its_own_seed(self):
        one, three = self.folder / "one", self.folder / "three"
        common = ["--run-dir", self.run_dir, "--seconds", 4, "--seed", 5]
        run("sample", "--output-dir", one, "--num-outputs", 1, *common)
        run("sample", "--output-dir", three, "--num-outputs", 3, *common)
        notes = [json.loads(run("inspect", "--json", "--notes", d / "01.mid").stdout)["files"][0]["notes"] for d in (one, three)]
        self.assertEqual(notes[0], notes[1])

    def test_modes(self):
        for mode, extra in (("free", []), ("vary", ["--primer-midi", PRELUDE]), ("continue", ["--primer-midi", PRELUDE])):
            out = self.folder / mode
            result = run("sample", "--run-dir", self.run_dir, "--output-dir", out, "--mode", mode, "--seconds", 4, *extra)
            self.assertEqual(result.returncode, 0, result.stderr)
            manifest = json.loads((out / "manifest.json").read_text())
            temperatures = [output["temperature"] for output in manifest["outputs"]]
            rising = mode == "vary"
            self.assertEqual([round(t, 3) for t in temperatures], [1, 1.1, 1.2] if rising else [1, 1, 1])

    def test_variations_keep_what_is_not_regenerated(self):
        out = self.folder / "share"
        sampled = run("sample", "--run-dir", self.run_dir, "--output-dir", out, "--primer-midi", PRELUDE, "--primer-seconds", 12,
                      "--mode", "vary", "--vary-fraction", 0.25, "--vary-temperature-step", 0.5)
        self.assertEqual(sampled.returncode, 0, sampled.stderr)
        shown = page_data(out / "index.html")["outputs"]
        self.assertEqual([output["temperature"] for output in shown], [1, 1.5, 2])
        kept = [{tuple(n[:4]) for n in output["performance"]["notes"] if n[4]} for output in shown]
        self.assertEqual(len(set(map(frozenset, kept))), 3)  # other segments each time
        primer = set.union(*kept)
        for notes in kept:
            self.assertTrue(0.5 < len(notes) / len(primer) < 1, (len(notes), len(primer)))

    def test_primer_notes(self):
        out = self.folder / "typed"
        sampled = run("sample", "--run-dir", self.run_dir, "--output-dir", out, "--primer-notes", "C4 E4+G4 r C5:2", "--seconds", 3)
        self.assertEqual(sampled.returncode, 0, sampled.stderr)
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertEqual(manifest["primer"], "C4 E4+G4 r C5:2")
        for output in manifest["outputs"]:
            self.assertEqual(output["primer_seconds"], 2.5)
            given = [(start, end, pitch) for start, end, pitch, _ in notes_of(out / output["file"]) if start < 2500]
            self.assertEqual(given, [(0, 500, 60), (500, 1000, 64), (500, 1000, 67), (1500, 2500, 72)])
        sample = ["sample", "--run-dir", self.run_dir, "--output-dir", out]
        self.assert_fails(run(*sample, "--primer-notes", "C4 X4"), 1, "word 2", "X4")
        self.assertEqual(run(*sample, "--primer-notes", "C4", "--primer-midi", PRELUDE).returncode, 2)

    def test_eval(self):
        result = run("eval", "--run-dir", self.run_dir, "--data", PRELUDE, "--num-outputs", 2, "--seconds", 10, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        numbers = json.loads(result.stdout)
        for key in ("nll_per_token", "nll_per_note", "nll_per_second", "nll_by_event", "floors", "baselines", "accuracy", "distribution"):
            self.assertIn(key, numbers)
        self.assertEqual(numbers["floors"], numbers["baselines"])
        self.assertEqual(set(numbers["nll_by_event"]), {"note_on", "note_off", "time_shift", "velocity"})

    def test_pedal_as_tokens_reaches_the_file(self):
        run_dir, out = self.folder / "pedal", self.folder / "pedal-out"
        self.assertEqual(run("train", "--scores", "--run-dir", run_dir, "--steps", 4, "--pedal", "tokens", *TINY).returncode, 0)
        self.assertEqual(json.loads((run_dir / "config.json").read_text())["model"]["vocabulary"], 390)
        result = run("sample", "--run-dir", run_dir, "--output-dir", out, "--primer-midi", PRELUDE, "--seconds", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        inspected = json.loads(run("inspect", "--json", out / "01.mid").stdout)["files"][0]
        self.assertGreater(inspected["pedal_events"], 0)

    # ---- errors

    def assert_fails(self, result, status, *words):
        self.assertEqual(result.returncode, status, result.stderr)
        for word in words:
            self.assertIn(word, error_line(result))

    def test_a_folder_without_midi(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.assert_fails(run("train", "--data", empty, "--run-dir", self.folder / "x"), 1, str(empty), "no MIDI file")

    def test_a_path_that_does_not_exist(self):
        self.assert_fails(run("train", "--data", self.folder / "nowhere", "--run-dir", self.folder / "y"), 1, "nowhere")

    def test_a_run_is_not_overwritten(self):
        before = (self.run_dir / "last.safetensors").read_bytes()
        self.assert_fails(run("train", "--scores", "--run-dir", self.run_dir, "--steps", 2), 1, str(self.run_dir), "--resume")
        self.assertEqual((self.run_dir / "last.safetensors").read_bytes(), before)

    def test_fine_tuning(self):
        source, tuned = {path: path.read_bytes() for path in self.run_dir.iterdir() if path.is_file()}, self.folder / "tuned"
        held_out = SCORES / "petzold-anh114-minuet.abc"
        data = ["--data", PRELUDE, SCORES / "bach-bwv924-prelude.abc", held_out, "--validation", held_out.stem]
        result = run("train", "--from", self.run_dir, *data, "--run-dir", tuned, "--steps", 8, "--evaluations", 2, "--dropout", 0.3)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.splitlines()[-1].startswith("fit: undecided"), result.stdout)
        first, *others = [line for line in lines_of(tuned) if line["valid_nll"] is not None]
        self.assertEqual((first["step"], [line["step"] for line in others]), (0, [4, 8]))
        # The run begins with the source's likelihood on these data.
        evaluated = json.loads(run("eval", "--run-dir", self.run_dir, "--data", held_out, "--json").stdout)
        self.assertAlmostEqual(first["valid_nll"], evaluated["nll_per_token"], delta=1e-6)
        self.assertIn(f"step 0  validation {first['valid_nll']:.3f}, the weights of {self.run_dir}", result.stderr)
        # The new data are learned; the optimiser is fresh: its steps are those of this run.
        self.assertLess(others[-1]["valid_nll"], first["valid_nll"])
        self.assertNotEqual(weights(tuned / "model.safetensors"), source[self.run_dir / "model.safetensors"])
        config, from_config = (json.loads((d / "config.json").read_text()) for d in (tuned, self.run_dir))
        self.assertEqual(config["from"], str(self.run_dir))
        self.assertNotIn("from", from_config)
        self.assertAlmostEqual(config["learning_rate"], from_config["learning_rate"] / 2)
        self.assertEqual(config["model"], {**from_config["model"], "dropout": 0.3})
        for key in ("pedal", "conditions", "augmentation", "batch_size", "sequence_length", "clip"):
            self.assertEqual(config[key], from_config[key], key)
        # A given rate is used as it is, an equal network may be given, and the run can be resumed.
        again = self.folder / "tuned-again"
        result = run("train", "--from", self.run_dir, *data, "--run-dir", again, "--steps", 4, "--learning-rate", 0.002, "--hidden", 16)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads((again / "config.json").read_text())["learning_rate"], 0.002)
        resumed = run("train", "--resume", "--run-dir", again, "--steps", 6, "--json")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertEqual(json.loads(resumed.stdout)["steps"], 6)
        self.assertEqual({path: path.read_bytes() for path in source}, source)

    def test_fine_tuning_refuses_what_contradicts_the_source(self):
        new = self.folder / "refused"
        for arguments, *wanted in ((["--hidden", 32], "--hidden", "32 contradicts 16 of --from", self.run_dir),
                                   (["--layers", 2], "--layers", "2 contradicts 1 of --from"),
                                   (["--embedding", 9], "--embedding", "9 contradicts 8 of --from"),
                                   (["--pedal", "tokens"], "--pedal", "tokens contradicts extend of --from"),
                                   (["--condition", "key"], "--condition", "key contradicts none of --from"),
                                   (["--resume"], "--from", "--resume"), (["--config", "small"], "--from", "--config")):
            result = run("train", "--from", self.run_dir, "--scores", "--run-dir", new, "--steps", 2, *arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            for word in map(str, wanted):
                self.assertIn(word, result.stderr.splitlines()[0])
        self.assert_fails(run("train", "--from", self.run_dir, "--scores", "--run-dir", self.run_dir, "--steps", 2), 1,
                          f"{self.run_dir}: already holds a run")
        self.assert_fails(run("train", "--from", self.folder / "nowhere", "--scores", "--run-dir", new, "--steps", 2), 1,
                          "nowhere/config.json: cannot be opened; is this the folder of a training run?")
        self.assertFalse(new.exists())

    def test_a_truncated_file_is_left_out_by_name(self):
        data = self.folder / "mixed"
        data.mkdir(exist_ok=True)
        for name in ("petzold-anh114-minuet.abc", "bach-bwv846-prelude.abc"):
            shutil.copy(SCORES / name, data)
        (data / "broken.mid").write_bytes(b"MThd\0\0")
        result = run("train", "--data", data, "--run-dir", self.folder / "mixed-run", "--steps", 2, *TINY)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("broken.mid", result.stderr)

    def test_a_truncated_checkpoint(self):
        damaged = self.folder / "damaged"
        shutil.copytree(self.run_dir, damaged)
        whole = (damaged / "model.safetensors").read_bytes()
        (damaged / "model.safetensors").write_bytes(whole[: len(whole) // 2])
        self.assert_fails(run("sample", "--run-dir", damaged, "--output-dir", self.folder / "z"), 1, "model.safetensors", "at byte")

    def test_a_checkpoint_of_another_shape(self):
        other = self.folder / "shape"
        shutil.copytree(self.run_dir, other)
        config = json.loads((other / "config.json").read_text())
        config["model"]["hidden"] = 17
        (other / "config.json").write_text(json.dumps(config))
        self.assert_fails(run("sample", "--run-dir", other, "--output-dir", self.folder / "z"), 1, "weight_ih_l0", "64 x 8",
                          "68 x 8")

    def test_a_primer_without_notes(self):
        silent = self.folder / "silent.mid"
        silent.write_bytes(b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0")
        self.assert_fails(run("sample", "--run-dir", self.run_dir, "--output-dir", self.folder / "z", "--primer-midi", silent), 1,
                          "silent.mid", "no notes")

    def test_wrong_command_lines(self):
        sample = ["sample", "--run-dir", self.run_dir, "--output-dir", self.folder / "z"]
        self.assert_fails(run(*sample, "--temperature", -1), 2)
        self.assertIn("--temperature", run(*sample, "--temperature", -1).stderr)
        self.assert_fails(run(*sample, "--mode", "sideways"), 2)
        self.assert_fails(run(*sample, "--mode", "continue"), 1, "--primer-midi")
        self.assert_fails(run("train", "--scores"), 2)
        self.assert_fails(run("sing"), 2)
        self.assert_fails(run("train", "--scores", "--run-dir", "x", "--steps", 1, "--minutes", 1), 2)

    def test_a_full_disk_leaves_the_former_file_whole(self):
        full = self.folder / "full"
        full.mkdir()
        (full / "01.mid").write_bytes(b"former")

        def no_room():  # a file may have 64 bytes, then writing fails
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

        result = run("sample", "--run-dir", self.run_dir, "--output-dir", full, "--seconds", 2, preexec_fn=no_room)
        self.assert_fails(result, 1, "01.mid")
        self.assertEqual((full / "01.mid").read_bytes(), b"former")
        self.assertEqual(sorted(p.name for p in full.iterdir()), ["01.mid"])
        trained = run("train", "--scores", "--run-dir", self.folder / "noroom", "--steps", 2, *TINY, preexec_fn=no_room)
        self.assert_fails(trained, 1, "config.json")

    def test_conditions_that_a_model_lacks(self):
        sample = ["sample", "--run-dir", self.run_dir, "--output-dir", self.folder / "z", "--seconds", 2]
        self.assert_fails(run(*sample, "--notes-per-second", 4), 1, str(self.run_dir), "--condition")
        self.assert_fails(run(*sample, "--key", "C major"), 1, str(self.run_dir), "--condition")
        self.assert_fails(run(*sample, "--key", "H"), 2)
        self.assertIn("'H' is not a key", run(*sample, "--key", "H").stderr)

    def test_a_training_that_diverges_names_the_options_and_keeps_the_checkpoint(self):
        for evaluations in (1, 24):  # diverged weights are detected by the next step; by an evaluation
            broken = self.folder / f"broken-{evaluations}"
            shutil.copytree(self.run_dir, broken)
            config = json.loads((broken / "config.json").read_text())
            config["learning_rate"] = config["clip"] = 1e38
            (broken / "config.json").write_text(json.dumps(config))
            result = run("train", "--resume", "--run-dir", broken, "--steps", 24, "--evaluations", evaluations)
            self.assert_fails(result, 1, "training diverged", "NaN or infinite", "--learning-rate (now 1e+38)", "--clip (now 1e+38)")
            for name in ("model.safetensors", "last.safetensors"):
                self.assertEqual((broken / name).read_bytes(), (self.run_dir / name).read_bytes())

    def test_former_options_are_refused_with_the_new_name(self):
        train = ["train", "--scores", "--run-dir", self.folder / "z", "--steps", 1]
        sample = ["sample", "--run-dir", self.run_dir, "--output-dir", self.folder / "z"]
        evaluate = ["eval", "--run-dir", self.run_dir, "--data", PRELUDE]
        explore = ["explore", "--run-dirs", self.run_dir, "--output-dir", self.folder / "z"]
        for command, former, name in (
                (train, "--judgements", "--evaluations"), (train, "--validation-share", "--validation-fraction"),
                (explore, "--validation-share", "--validation-fraction"), (explore, "--primer-from", "--primer-start"),
                (sample, "--vary-share", "--vary-fraction"), (sample, "--vary-step", "--vary-temperature-step"),
                (sample, "--primer-from", "--primer-start"), (evaluate, "--samples", "--num-outputs"),
                (evaluate, "--sample-seconds", "--seconds")):
            result = run(*command, former, 1)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"{former}: is now {name}\n", result.stderr)
            self.assertNotIn(former, run(command[0], "--help").stdout)
        result = run(*train, "--condition", "key,sounding")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--condition: sounding is now active-notes\n", result.stderr)
        result = run("--data", "x", "--input-deviation", 0.3, program=CHORALES)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--input-deviation: is now --input-std\n", result.stderr)

    def test_numbers_out_of_range(self):
        train = ["train", "--scores", "--run-dir", self.folder / "z"]
        sample = ["sample", "--run-dir", self.run_dir, "--output-dir", self.folder / "z"]
        evaluate = ["eval", "--run-dir", self.run_dir, "--data", PRELUDE]
        explore = ["explore", "--run-dirs", self.run_dir, "--output-dir", self.folder / "z"]
        for command, option, value, wanted in (
                (sample, "--temperature", -1, "-1 is not in [0, inf)"), (sample, "--top-p", 0, "0 is not in (0, 1]"),
                (evaluate, "--top-p", 0, "0 is not in (0, 1]"), (evaluate, "--min-p", 1, "1 is not in [0, 1)"),
                (explore, "--temperatures", "1,-1", "-1 is not in [0, inf)"), (explore, "--top-k", -1, "-1 is not in [0, inf)"),
                (train, "--steps", 0, "0 is not in [1, inf)"), (train, "--steps", "1e300", "'1e300' is not an integer"),
                (train, "--validation-fraction", 1.5, "1.5 is not in [0, 1]"), (train, "--clip", 0, "0 is not in (0, inf)"),
                (train, "--transpose", -13, "-13 is not in [-12, 12]"), (train, "--minutes", "nan", "nan is not in (0, inf)")):
            result = run(*command, option, value, *([3] if option == "--transpose" else []))
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(f"{option}: {wanted}\n", result.stderr)
        for option, value, wanted in (("--epochs", 0, "0 is not in [1, inf)"), ("--dropout", 1, "1 is not in [0, 1)")):
            self.assertIn(f"{option}: {wanted}\n", run("--data", "x", option, value, program=CHORALES).stderr)

    def changed_config(self, name, change):
        """A copy of the run, its config.json changed by change(config)."""
        folder = self.folder / name
        shutil.copytree(self.run_dir, folder)
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def test_keys_of_the_config(self):
        def rename(config):
            config["validation_share"] = config.pop("validation_fraction")

        for name, change, wanted in (
                ("former-key", rename, 'key "validation_share" is now "validation_fraction"'),
                ("former-value", lambda c: c.update(conditions=["sounding"]), 'key "conditions": the value "sounding" is now "active-notes"'),
                ("no-pedal", lambda c: c.pop("pedal"), 'key "pedal" is missing'),
                ("no-hidden", lambda c: c["model"].pop("hidden"), 'key "hidden" is missing'),
                ("wrong-type", lambda c: c.update(clip="much"), 'key "clip" has a value of the wrong type: "much"')):
            folder = self.changed_config(name, change)
            result = run("sample", "--run-dir", folder, "--output-dir", self.folder / "z")
            self.assert_fails(result, 1, f"{folder}/config.json: {wanted}")
            self.assertNotIn("json.exception", result.stderr)
        broken = self.changed_config("broken-json", lambda c: None)
        (broken / "config.json").write_text('{"model": ')
        self.assert_fails(run("sample", "--run-dir", broken, "--output-dir", self.folder / "z"), 1,
                          f"{broken}/config.json: is not JSON, at byte 11")

    def test_a_former_key_of_the_checkpoint(self):
        former = self.changed_config("former-checkpoint", lambda c: None)
        whole = (former / "last.safetensors").read_bytes()
        size = int.from_bytes(whole[:8], "little")
        fields = json.loads(whole[8 : 8 + size])
        for entry in ("rondo.checksum", "rondo.checksum_version"):  # files of that time had none
            del fields["__metadata__"][entry]
        text = json.dumps(fields)
        header = text.replace("best_valid_nll", "best_valid").encode()
        self.assertNotEqual(len(header), len(text))
        (former / "last.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + whole[8 + size :])
        self.assert_fails(run("train", "--resume", "--run-dir", former, "--steps", 13), 1,
                          f'{former}/last.safetensors: key "best_valid" is now "best_valid_nll"')

    def test_a_folder_that_cannot_be_created(self):
        file = self.folder / "a-file"
        file.write_text("")
        for command in (["sample", "--run-dir", self.run_dir, "--seconds", 1, "--output-dir", file],
                        ["train", "--scores", "--steps", 1, "--run-dir", file],
                        ["train", "--scores", "--steps", 1, "--run-dir", file / "below"],
                        ["explore", "--run-dirs", self.run_dir, "--output-dir", file]):
            result = run(*command)
            self.assert_fails(result, 1, "cannot create the folder " + str(file), "Not a directory")
            self.assertNotIn("filesystem error", result.stderr)

    def test_eval_has_the_options_of_the_other_commands(self):
        data = self.folder / "eval-data"
        data.mkdir()
        shutil.copy(PRELUDE, data)
        evaluate = ["eval", "--run-dir", self.run_dir, "--data", data, "--json", "--num-outputs", 2, "--seconds", 5]
        plain, same, filtered, batch = (json.loads(run(*evaluate, *options).stdout) for options in (
            [], ["--threads", 1, "--no-cache", "--primer-seconds", 10], ["--top-k", 2, "--min-p", 0.5, "--top-p", 0.9],
            ["--batch-size", 1]))
        self.assertEqual(plain, same)
        self.assertEqual((plain["device"], plain["precision"]), ("cpu", "fp32"))
        self.assertEqual(plain["nll_per_token"], filtered["nll_per_token"])
        self.assertNotEqual(plain["memorisation"]["outputs"], filtered["memorisation"]["outputs"])
        self.assertAlmostEqual(plain["nll_per_token"], batch["nll_per_token"], places=5)
        low = json.loads(run(*evaluate, "--precision", "bf16").stdout)
        self.assertNotEqual(low["nll_per_token"], plain["nll_per_token"])
        self.assertAlmostEqual(low["nll_per_token"], plain["nll_per_token"], delta=0.05)
        self.assertEqual(low["memorisation"], plain["memorisation"])  # samples are computed in fp32
        self.assertIn("baseline: bigram", run(*evaluate[:5]).stdout)

    def test_inspect_counts_tokens_by_pedal_mode(self):
        events = bytes([0, 0xB0, 64, 127, 0, 0x90, 60, 64, 96, 0x80, 60, 0, 0x87, 0x20, 0xB0, 64, 0, 0, 0x90, 62, 64, 96, 0x80, 62, 0,
                        0, 0xFF, 0x2F, 0])
        file = self.folder / "pedal.mid"
        file.write_bytes(b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(events).to_bytes(4, "big") + events)
        tokens = {}
        for mode in ("extend", "tokens", "ignore"):
            result = run("inspect", "--json", "--pedal", mode, file)
            tokens[mode] = json.loads(result.stdout)["files"][0]["tokens"]
        self.assertGreater(tokens["tokens"], tokens["ignore"])
        self.assertEqual(json.loads(run("inspect", "--json", file).stdout)["files"][0]["tokens"], tokens["extend"])
        self.assertIn("tokens with --pedal ignore", run("inspect", "--pedal", "ignore", file).stdout)

    def test_help_names_units_and_defaults(self):
        for command, words in (("train", ["--steps", "--minutes", "=32"]), ("sample", ["in seconds", "=30"]), ("eval", ["--only"]),
                               ("inspect", ["--notes"])):
            text = run(command, "--help").stdout
            for word in words:
                self.assertIn(word, text)


class Training(unittest.TestCase):
    """Tests that train with settings of their own."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.data = self.folder / "data"  # two short pieces, which are evaluated quickly
        self.data.mkdir()
        for name in ("petzold-anh114-minuet.abc", "bach-bwv846-prelude.abc"):
            shutil.copy(SCORES / name, self.data)

    def train(self, *arguments, status=0):
        result = run("train", "--data", self.data, "--run-dir", self.folder / "run", "--json", *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        return json.loads(result.stdout) if status == 0 else result

    def config(self):
        return json.loads((self.folder / "run" / "config.json").read_text())

    def test_without_a_configuration_one_is_chosen_and_options_override_it(self):
        small = ["--hidden", 8, "--embedding", 4, "--batch-size", 2, "--sequence-length", 8]

        def chosen(*arguments):
            """The line that says what was chosen, or None."""
            shutil.rmtree(self.folder / "run", ignore_errors=True)
            result = run("train", "--data", self.data, "--run-dir", self.folder / "run", *small, *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            return next((row for row in result.stderr.splitlines() if row.startswith("chosen for ")), None)

        line = chosen("--steps", 1)  # less than one pass over the pieces
        config = self.config()
        self.assertEqual((config["model"]["layers"], config["model"]["hidden"], config["model"]["dropout"]), (1, 8, 0))
        self.assertEqual((config["weight_decay"], config["augmentation"]["lowest_transposition"]), (0, -3))
        self.assertEqual(config["conditions"], ["notes-per-second", "key", "active-notes"])
        self.assertRegex(line, r"^chosen for \d+ tokens, read about \S+ times: 1 x 8, dropout 0, weight dropout 0, weight decay 0, ")

        tokens = int(line.split()[2])
        steps = tokens * 4 // 16  # four passes
        chosen("--steps", steps, "--evaluations", 1)
        config = self.config()
        self.assertEqual((config["model"]["dropout"], config["weight_decay"]), (0.1, 0.5))
        self.assertEqual(config["augmentation"]["highest_transposition"], 6)

        variants = {"velocity_shift": 0, "stretches": [0.95, 0.975, 1.0, 1.025, 1.05]}
        self.assertEqual({key: config["augmentation"][key] for key in variants}, variants)
        chosen("--steps", 8 * steps, "--evaluations", 1, "--velocity-shift", 2)  # 32 passes
        config = self.config()
        self.assertEqual((config["model"]["dropout"], config["model"]["weight_dropout"]), (0.3, 0.2))
        variants = {"velocity_shift": 2, "stretches": [0.9, 0.95, 1.0, 1.05, 1.1]}
        self.assertEqual({key: config["augmentation"][key] for key in variants}, variants)

        line = chosen("--steps", steps, "--evaluations", 1, "--dropout", 0.25, "--layers", 2, "--condition", "key",
                      "--no-augment")
        config = self.config()
        self.assertEqual((config["model"]["dropout"], config["model"]["layers"]), (0.25, 2))
        self.assertEqual((config["weight_decay"], config["conditions"]), (0.5, ["key"]))
        self.assertEqual(config["augmentation"]["highest_transposition"], 0)
        self.assertIn(": 2 x 8, dropout 0.25, weight dropout 0, weight decay 0.5, transpositions 0 to 0, velocities +-0, tempi +-0 %;",
                      line)
        self.assertIsNone(chosen("--config", "tiny", "--steps", 1))
        chosen("--steps", 1, "--condition", "none")
        self.assertEqual(self.config()["conditions"], [])
        self.assertIn("none cannot be combined", run("train", "--data", self.data, "--run-dir", self.folder / "other",
                                                     "--condition", "none,key").stderr)

    def test_a_configuration_by_name_and_flags_that_override_it(self):
        small = ["--hidden", 8, "--batch-size", 2, "--sequence-length", 8, "--steps", 1]
        self.train("--config", "performance-rnn", "--embedding", 6, "--layers", 2, *small)
        config = self.config()
        self.assertEqual(config["model"], {"vocabulary": 388, "embedding": 6, "hidden": 8, "layers": 2, "dropout": 0,
                                           "weight_dropout": 0})
        named = {"windows": 1, "learning_rate": 1e-3, "beta2": 0.999, "clip": 3, "batch_size": 2, "sequence_length": 8}
        named |= {"grammar": False, "token_features": False}
        self.assertEqual({key: config[key] for key in named}, named)
        self.assertEqual(config["conditions"], [])
        shutil.rmtree(self.folder / "run")
        self.train("--config", "small", *small)
        config = self.config()
        self.assertEqual(config["conditions"], ["notes-per-second", "key", "active-notes"])
        self.assertEqual((config["model"]["layers"], config["model"]["embedding"], config["model"]["dropout"]), (1, 256, 0.1))
        self.assertEqual((config["weight_decay"], config["augmentation"]["lowest_transposition"]), (0.5, -5))
        shutil.rmtree(self.folder / "run")
        self.train(*small, "--condition", "key", "--config", "small", "--learning-rate", 0.25, "--transpose", -1, 2)
        config = self.config()
        self.assertEqual(config["augmentation"]["lowest_transposition"], -1)
        self.assertEqual((config["conditions"], config["learning_rate"]), (["key"], 0.25))
        self.assertEqual(self.train("--config", "huge", status=2).returncode, 2)

    def test_the_grammar_and_token_features_can_be_left_out(self):
        def header(name):
            whole = (self.folder / "run" / name).read_bytes()
            return json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])

        factors = [f"training.{moment}_moment.factors.{of}" for moment in ("first", "second") for of in ("input", "output")]
        steps = ["--steps", 10, "--evaluations", 1, *TINY]
        with_both = self.train(*steps)
        self.assertEqual((self.config()["grammar"], self.config()["token_features"]), (True, True))
        self.assertLessEqual(set(factors), set(header("last.safetensors")))
        self.assertFalse([name for name in header("model.safetensors") if "factors" in name])
        shutil.rmtree(self.folder / "run")
        without = self.train("--no-grammar", "--no-token-features", *steps)
        config = self.config()
        self.assertEqual((config["grammar"], config["token_features"]), (False, False))
        self.assertFalse(set(factors) & set(header("last.safetensors")))
        self.assertLess(with_both["valid_nll"], without["valid_nll"] - 0.3)
        # Runs from before there were these keys go on without.
        del config["grammar"], config["token_features"]
        (self.folder / "run" / "config.json").write_text(json.dumps(config))
        resumed = run("train", "--resume", "--run-dir", self.folder / "run", "--steps", 12, "--json")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertFalse(set(factors) & set(header("last.safetensors")))
        self.assertGreater(json.loads(resumed.stdout)["valid_nll"], with_both["valid_nll"] + 0.3)

    def test_patience_stops_a_run_without_improvement(self):
        # Steps too small to change a float: each evaluation equals the first, and after three more the run stops.
        report = self.train("--steps", 200, "--evaluations", 20, "--patience", 3, "--learning-rate", 1e-30, *TINY)
        self.assertEqual((report["stop_reason"], report["steps"]), ("patience", 40))
        evaluated = [line for line in lines_of(self.folder / "run") if line["valid_nll"] is not None]
        self.assertEqual([line["step"] for line in evaluated], [10, 20, 30, 40])
        self.assertEqual(len({line["valid_nll"] for line in evaluated}), 1)
        self.assertEqual(json.loads((self.folder / "run" / "result.json").read_text()), report)
        self.assertTrue(page_data(self.folder / "run" / "report.html")["done"])

    def test_metrics_samples_and_report_agree(self):
        report = self.train("--steps", 300, "--evaluations", 4, *TINY)
        run_dir = self.folder / "run"
        lines = lines_of(run_dir)
        self.assertEqual([line["step"] for line in lines], list(range(3, 301, 3)))  # a hundred in all
        evaluated = [line for line in lines if line["valid_nll"] is not None]
        self.assertEqual([line["step"] for line in evaluated], [75, 150, 225, 300])
        for line in lines:
            self.assertEqual("sample" in line, line["valid_nll"] is not None)
            self.assertGreater(line["tokens_per_second"], 0)
            self.assertTrue(0 <= line["data_time_fraction"] < 1, line["data_time_fraction"])
            self.assertTrue(0 <= line["learning_rate"] <= 5e-3)
            self.assertGreater(line["grad_norm"], 0)
            self.assertTrue(0 < line["train_nll"] < 7)
        for a, b in zip(lines, lines[1:]):
            self.assertTrue(0 < b["tokens"] - a["tokens"] <= 4 * 16 * (b["step"] - a["step"]))
        self.assertLess(lines[-1]["train_nll"], lines[0]["train_nll"] - 0.5)

        shown = page_data(run_dir / "report.html")
        self.assertEqual(shown["metrics"], lines)
        self.assertEqual(shown["config"], self.config())
        for key in ("baselines", "floors", "tokens_train", "tokens_valid", "parameters"):
            self.assertEqual(shown[key], report[key])
        self.assertEqual(sorted(path.name for path in (run_dir / "samples").iterdir()),
                         ["step-000075.mid", "step-000150.mid", "step-000225.mid", "step-000300.mid"])
        self.assertEqual(len(shown["samples"]), 4)
        for sample, line in zip(shown["samples"], evaluated):
            self.assertEqual({key: sample[key] for key in line["sample"]}, line["sample"])
            self.assertEqual((sample["step"], sample["valid_nll"]), (line["step"], line["valid_nll"]))
            self.assertEqual(sorted((round(1000 * s), round(1000 * e), p, v) for s, e, p, v in sample["performance"]["notes"]),
                             notes_of(run_dir / sample["file"]))
            self.assertTrue(any(note[0] > sample["primer_seconds"] for note in sample["performance"]["notes"]))

    def test_each_evaluation_occurs_once(self):
        # 15 / 22 * 22 in floating point is less than 15: the 15th part of a run must not end twice.
        self.train("--steps", 44, "--evaluations", 22, *TINY)
        evaluated = [line["step"] for line in lines_of(self.folder / "run") if line["valid_nll"] is not None]
        self.assertEqual(evaluated, list(range(2, 45, 2)))

    def test_preparing_batches_takes_little_time(self):
        self.train("--config", "small", "--steps", 8, "--evaluations", 1)
        fractions = [line["data_time_fraction"] for line in lines_of(self.folder / "run")][2:]
        self.assertLess(statistics.median(fractions), 0.03)

    def test_resuming_drops_lines_past_the_checkpoint(self):
        run_dir = self.folder / "run"
        self.train("--steps", 10, "--evaluations", 1, *TINY)
        former = lines_of(run_dir)
        with (run_dir / "metrics.jsonl").open("a") as file:  # as after a crash before the next checkpoint
            file.write(json.dumps({**former[-1], "step": 11, "train_nll": 123}) + "\n" + '{"step": 12, "tra')
        result = run("train", "--resume", "--run-dir", run_dir, "--steps", 20, "--evaluations", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = lines_of(run_dir)
        self.assertEqual(lines[: len(former)], former)
        self.assertEqual([line["step"] for line in lines], list(range(1, 21)))
        self.assertNotIn(123, [line["train_nll"] for line in lines])

    def test_conditions_are_set_when_sampling(self):
        self.train("--steps", 120, "--evaluations", 1, "--condition", "notes-per-second,key", "--learning-rate", 0.05, *TINY)
        self.assertEqual(self.config()["conditions"], ["notes-per-second", "key"])
        outputs = {}
        # Values that occur in training: the pieces are in G and C, transposed by up to three semitones.
        for name, options in (("nothing", []), ("density", ["--notes-per-second", 5]), ("key", ["--key", "Bb major"]),
                            ("both", ["--key", "Bb major", "--notes-per-second", 5])):
            out = self.folder / name
            result = run("sample", "--run-dir", self.folder / "run", "--output-dir", out, "--seconds", 5, "--num-outputs", 1,
                         *options)
            self.assertEqual(result.returncode, 0, result.stderr)
            conditions = json.loads((out / "manifest.json").read_text())["conditions"]
            self.assertEqual(conditions["key"], "Bb major" if "--key" in options else None)
            self.assertEqual(conditions["notes_per_second"], options[-1] if "--notes-per-second" in options else None)
            outputs[name] = tuple(notes_of(out / "01.mid"))
        self.assertEqual(len(set(outputs.values())), 4)  # each condition has an effect


class Chorales(unittest.TestCase):
    def test_learns_a_small_set_and_reports(self):
        piece = [[60, 64, 67], [62, 65, 69], [64, 67, 71], [60, 64, 67]] * 4
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "data.json"
            path.write_text(json.dumps({"train": [piece] * 8, "valid": [piece], "test": [piece]}))
            arguments = ["--data", path, "--hidden", 16, "--epochs", 4, "--transpose", 0, "--json"]
            first, second = (run(*arguments, program=CHORALES) for _ in range(2))
            self.assertEqual(first.returncode, 0, first.stderr)
            report = json.loads(first.stdout)
            self.assertEqual(set(report) & {"valid_nll", "test_nll", "seconds", "epochs", "parameters"},
                             {"valid_nll", "test_nll", "seconds", "epochs", "parameters"})
            self.assertEqual(report["test_nll"], json.loads(second.stdout)["test_nll"])
            self.assertLess(report["test_nll"], 61)

            run_dir = pathlib.Path(folder) / "runs" / "chorales"
            saved = run(*arguments, "--run-dir", run_dir, program=CHORALES)
            self.assertEqual(json.loads(saved.stdout)["test_nll"], report["test_nll"])
            self.assertEqual(json.loads((run_dir / "config.json").read_text())["hidden"], 16)
            self.assertIn(b"lstm.weight_ih_l1", (run_dir / "model.safetensors").read_bytes())
            sample = run_dir / "samples" / "1.mid"  # of the only test piece, which begins it
            notes = json.loads(run("inspect", "--json", "--notes", sample).stdout)["files"][0]["notes"]
            beats = [sorted(pitch for start, end, pitch, *_ in notes if start <= 0.75 * t + 0.1 < end) for t in range(8)]
            self.assertEqual(beats, piece[:8])
            self.assertGreater(max(end for _, end, *_ in notes), 8 * 0.75)
            self.assertFalse((pathlib.Path(folder) / "model.safetensors").exists())
            refused = run(*arguments, "--run-dir", path, program=CHORALES)  # a file
            self.assertEqual((refused.returncode, refused.stderr.count("\n")), (1, 1), refused.stderr)
            self.assertIn("cannot create the folder", refused.stderr)

            path.write_text(json.dumps({"train": [[[200]] * 2], "valid": [piece], "test": [piece]}))
            wrong = run("--data", path, program=CHORALES)
            self.assertEqual(wrong.returncode, 1)
            self.assertIn("pitch 200", wrong.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
