# SPDX-License-Identifier: MIT
"""The piano program as its users meet it: what it writes, what it says when something is wrong, what it keeps.

Usage: piano_test.py PIANO CHORALES SCORES_DIR
"""

import json
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PIANO, CHORALES, SCORES = sys.argv.pop(1), sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
PRELUDE = SCORES / "bach-bwv846-prelude.abc"
TINY = ["--layers", "1", "--hidden", "16", "--embedding", "8", "--batch-size", "4", "--sequence-length", "16"]


def run(*arguments, program=PIANO, **options):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)


def complaint(result):
    """The one line of a failure."""
    lines = [line for line in result.stderr.splitlines() if line]
    return lines[-1] if lines else ""


class Trained(unittest.TestCase):
    """Things that want a trained model; one is trained for all of them."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.run_dir = cls.folder / "run"
        cls.trained = run("train", "--scores", "--run-dir", cls.run_dir, "--steps", 12, "--judgements", 2, "--json", *TINY)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_train_reports_and_writes_what_it_promises(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr)
        report = json.loads(self.trained.stdout)
        for key in ("tokens_train", "tokens_valid", "floors", "steps", "seconds", "tokens_per_second", "train_nll", "valid_nll"):
            self.assertIn(key, report)
        self.assertEqual(report["steps"], 12)
        self.assertLess(report["valid_nll"], report["floors"]["uniform"])
        for name in ("model.safetensors", "last.safetensors", "config.json", "metrics.jsonl"):
            self.assertTrue((self.run_dir / name).stat().st_size > 0, name)
        lines = [json.loads(line) for line in (self.run_dir / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], [6, 12])

    def test_the_same_seed_gives_the_same_bytes(self):
        again = self.folder / "again"
        run("train", "--scores", "--run-dir", again, "--steps", 12, "--judgements", 2, *TINY)
        self.assertEqual((again / "model.safetensors").read_bytes(), (self.run_dir / "model.safetensors").read_bytes())
        other = self.folder / "other"
        run("train", "--scores", "--run-dir", other, "--steps", 12, "--judgements", 2, "--seed", 2, *TINY)
        self.assertNotEqual((other / "model.safetensors").read_bytes(), (self.run_dir / "model.safetensors").read_bytes())

    def test_resume_goes_on_bit_for_bit(self):
        # The learning rate follows the whole run, so the first half is trained as part of one of the same length.
        whole, parts = self.folder / "whole", self.folder / "parts"
        settings = ["--scores", "--steps", 400, "--judgements", 1, "--dropout", 0.2, *TINY]
        self.assertEqual(run("train", "--run-dir", whole, *settings).returncode, 0)
        process = subprocess.Popen([PIANO, "train", "--run-dir", str(parts), *map(str, settings)], stderr=subprocess.PIPE, text=True)
        for line in process.stderr:  # stop it once it has begun
            if "loss" in line:
                process.send_signal(signal.SIGINT)
                break
        process.communicate()
        self.assertEqual(process.returncode, 0)
        resumed = run("train", "--run-dir", parts, "--resume", "--json")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertEqual(json.loads(resumed.stdout)["steps"], 400)
        first, second = ((d / "last.safetensors").read_bytes() for d in (whole, parts))
        header = 8 + int.from_bytes(first[:8], "little")  # holds the seconds, which differ
        other = 8 + int.from_bytes(second[:8], "little")
        self.assertEqual(first[header:], second[other:])

    def test_sample_writes_files_and_manifest(self):
        out = self.folder / "samples"
        result = run("sample", "--run-dir", self.run_dir, "--output-dir", out, "--primer-midi", PRELUDE, "--primer-seconds", 5,
                     "--seconds", 5, "--num-outputs", 2, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertEqual(json.loads(result.stdout), manifest)
        self.assertEqual([o["file"] for o in manifest["outputs"]], ["01.mid", "02.mid"])
        for output in manifest["outputs"]:
            self.assertGreater(output["notes"], 0)
            self.assertIn("longest_run", output["memorisation"])
            self.assertGreater(output["nll_per_token"], 0)
        inspected = json.loads(run("inspect", "--json", "--notes", out / "01.mid", out / "02.mid").stdout)["files"]
        for file in inspected:
            self.assertTrue(file["ok"])
            self.assertEqual(file["diagnostics"], [])
            for start, end, *_ in file["notes"]:
                self.assertGreater(end, start)
                self.assertLessEqual(end - start, 5.011)  # the grammar's longest note
        self.assertNotEqual((out / "01.mid").read_bytes(), (out / "02.mid").read_bytes())

    def test_a_seed_gives_one_performance_whatever_stands_beside_it(self):
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
            bolder = mode == "vary"
            self.assertEqual([round(t, 3) for t in temperatures], [1, 1.1, 1.2] if bolder else [1, 1, 1])

    def test_eval(self):
        result = run("eval", "--run-dir", self.run_dir, "--data", PRELUDE, "--samples", 2, "--sample-seconds", 10, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        numbers = json.loads(result.stdout)
        for key in ("nll_per_token", "nll_per_note", "nll_per_second", "nll_by_event", "floors", "accuracy", "distribution"):
            self.assertIn(key, numbers)
        self.assertEqual(set(numbers["nll_by_event"]), {"note_on", "note_off", "time_shift", "velocity"})

    def test_pedal_as_tokens_reaches_the_file(self):
        run_dir, out = self.folder / "pedal", self.folder / "pedal-out"
        self.assertEqual(run("train", "--scores", "--run-dir", run_dir, "--steps", 4, "--pedal", "tokens", *TINY).returncode, 0)
        self.assertEqual(json.loads((run_dir / "config.json").read_text())["model"]["vocabulary"], 390)
        result = run("sample", "--run-dir", run_dir, "--output-dir", out, "--primer-midi", PRELUDE, "--seconds", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        inspected = json.loads(run("inspect", "--json", out / "01.mid").stdout)["files"][0]
        self.assertGreater(inspected["pedal_events"], 0)

    # ---- what goes wrong

    def assert_fails(self, result, status, *words):
        self.assertEqual(result.returncode, status, result.stderr)
        for word in words:
            self.assertIn(word, complaint(result))

    def test_a_folder_without_midi(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.assert_fails(run("train", "--data", empty, "--run-dir", self.folder / "x"), 1, str(empty), "no MIDI file")

    def test_a_path_that_is_not_there(self):
        self.assert_fails(run("train", "--data", self.folder / "nowhere", "--run-dir", self.folder / "y"), 1, "nowhere")

    def test_a_run_is_not_overwritten(self):
        before = (self.run_dir / "last.safetensors").read_bytes()
        self.assert_fails(run("train", "--scores", "--run-dir", self.run_dir, "--steps", 2), 1, str(self.run_dir), "--resume")
        self.assertEqual((self.run_dir / "last.safetensors").read_bytes(), before)

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

    def test_help_names_units_and_defaults(self):
        for command, words in (("train", ["--steps", "--minutes", "=32"]), ("sample", ["in seconds", "=30"]), ("eval", ["--only"]),
                               ("inspect", ["--notes"])):
            text = run(command, "--help").stdout
            for word in words:
                self.assertIn(word, text)


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

            path.write_text(json.dumps({"train": [[[200]] * 2], "valid": [piece], "test": [piece]}))
            wrong = run("--data", path, program=CHORALES)
            self.assertEqual(wrong.returncode, 1)
            self.assertIn("pitch 200", wrong.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
