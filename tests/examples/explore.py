# SPDX-License-Identifier: MIT
"""Tests of `piano explore`: its page, its options, and that it resumes. Usage: explore.py PIANO SCORES_DIR"""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PIANO, SCORES = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
GRID = ["--temperatures", "0.9,1.1", "--seconds", 3, "--primer-seconds", 3, "--no-cache"]
PRIMERS = [SCORES / "bach-bwv846-prelude.abc", SCORES / "folk-sakura.abc"]


def explore(folder, *arguments, grid=GRID):
    return subprocess.run([PIANO, "explore", "--output-dir", str(folder), *map(str, [*grid, *arguments])], capture_output=True, text=True,
                          timeout=600)


def page_data(folder):
    text = (folder / "explore.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def contents(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (folder / "outputs").iterdir()}


class Explore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.whole = cls.folder / "whole"
        cls.train = ["--data", SCORES, "--configs", "tiny", "--steps", 8, "--validation", "folk-sakura"]
        cls.first = explore(cls.whole, *cls.train, "--primers", *PRIMERS, "--seeds", 1, "--json")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_the_grid_is_complete(self):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        report = json.loads(self.first.stdout)
        self.assertEqual(report["pending"], 0)
        places = {(o["model"], o["primer"], o["temperature"], o["seed"]) for o in report["outputs"]}
        self.assertEqual(places, {("tiny", p.stem, t, 1) for p in PRIMERS for t in (0.9, 1.1)})
        self.assertGreater(report["models"][0]["valid_nll"], 0)
        data = page_data(self.whole)
        self.assertEqual(len(data["outputs"]), 4)
        for output in data["outputs"]:
            self.assertTrue((self.whole / output["file"]).is_file())
            read = subprocess.run([PIANO, "inspect", "--json", "--notes", str(self.whole / output["file"])], capture_output=True, text=True)
            notes = json.loads(read.stdout)["files"][0]["notes"]
            self.assertEqual([n[2] for n in output["performance"]["notes"]], [n[2] for n in notes])
            self.assertEqual(output["primer_seconds"], 3)
            self.assertIn("share", output["memorisation"])

    def test_existing_outputs_are_kept(self):
        again = self.folder / "again"
        shutil.copytree(self.whole, again)
        before, weights = contents(again), (again / "tiny" / "last.safetensors").stat().st_mtime_ns
        result = explore(again, *self.train, "--primers", *PRIMERS, "--seeds", "1,2", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        after = contents(again)
        self.assertEqual(len(after), 8)
        self.assertEqual({name: after[name] for name in before}, before)
        self.assertEqual((again / "tiny" / "last.safetensors").stat().st_mtime_ns, weights)
        self.assertEqual(len(page_data(again)["outputs"]), 8)

    def test_a_loaded_run(self):
        both = self.folder / "both"
        result = explore(both, "--run-dirs", self.whole / "tiny", "--seeds", 3, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        outputs = json.loads(result.stdout)["outputs"]
        self.assertEqual({output["primer"] for output in outputs}, {"folk-sakura"})  # the validation piece

    def test_a_validation_piece_with_its_extension(self):
        run_dir = self.folder / "extension"
        shutil.copytree(self.whole / "tiny", run_dir)
        config = json.loads((run_dir / "config.json").read_text())
        config["validation"] = ["folk-sakura.abc"]
        (run_dir / "config.json").write_text(json.dumps(config))
        result = explore(self.folder / "with-extension", "--run-dirs", run_dir, "--seeds", 1, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(json.loads(result.stdout)["outputs"]), 2)

    def test_start_of_primers_and_one_temperature(self):
        def primer_notes(*arguments):
            folder = self.folder / f"start{len(list(self.folder.iterdir()))}"
            result = explore(folder, "--run-dirs", self.whole / "tiny", "--seed", 1, "--temperature", 1.1, *arguments,
                             grid=GRID[2:])
            self.assertEqual(result.returncode, 0, result.stderr)
            (output,) = page_data(folder)["outputs"]
            self.assertEqual(output["temperature"], 1.1)
            return [n[2:4] for n in output["performance"]["notes"] if n[0] < 3]

        self.assertNotEqual(primer_notes("--primer-start", 10), primer_notes())
        result = explore(self.folder / "late", "--run-dirs", self.whole / "tiny", "--seed", 1, "--primer-start", 9999)
        self.assertEqual(result.returncode, 1)
        self.assertIn("--primer-start: no note of folk-sakura begins at that time or later", result.stderr)

    def test_a_validation_fraction(self):
        folder = self.folder / "fraction"
        result = explore(folder, "--data", *PRIMERS, SCORES / "petzold-anh114-minuet.abc", SCORES / "folk-greensleeves.abc",
                         "--configs", "tiny", "--steps", 2, "--validation-fraction", 0.5, "--seeds", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(json.loads((folder / "tiny" / "config.json").read_text())["validation"]), 2)

    def test_conditions(self):
        folder = self.folder / "conditions"
        run_dir = self.folder / "conditioned"
        trained = subprocess.run([PIANO, "train", "--scores", "--run-dir", run_dir, "--config", "tiny", "--condition", "key", "--steps", "40",
                                  "--learning-rate", "0.05", "--validation", "folk-sakura", "--evaluations", "1"],
                                 capture_output=True, text=True, timeout=600)
        self.assertEqual(trained.returncode, 0, trained.stderr)
        notes = []
        for options in ([], ["--key", "F# major"]):
            result = explore(folder / str(len(options)), "--run-dirs", run_dir, "--seeds", 1, *options)
            self.assertEqual(result.returncode, 0, result.stderr)
            notes.append([o["performance"]["notes"] for o in page_data(folder / str(len(options)))["outputs"]])
        self.assertNotEqual(*notes)

    def test_wav(self):
        folder = self.folder / "wav"
        result = explore(folder, "--run-dirs", self.whole / "tiny", "--seeds", 1, "--wav", "--json")
        if result.returncode == 1 and "--wav: " in result.stderr:
            self.skipTest(result.stderr)
        self.assertEqual(result.returncode, 0, result.stderr)
        outputs = json.loads(result.stdout)["outputs"]
        self.assertEqual(len(outputs), 2)
        for output in outputs:
            self.assertEqual(output["wav"], output["file"].replace(".mid", ".wav"))
            self.assertGreater((folder / output["wav"]).stat().st_size, 44 + 4 * 44100 * 6)

    def test_a_folder_of_an_older_version(self):
        folder = self.folder / "older"
        folder.mkdir()
        (folder / "cells.jsonl").write_text("")
        result = explore(folder, "--run-dirs", self.whole / "tiny")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{folder}/cells.jsonl: is now outputs.jsonl", result.stderr)

    def test_it_stops_and_resumes(self):
        folder = self.folder / "stopped"
        arguments = [PIANO, "explore", "--output-dir", folder, *GRID, *self.train[:4], "--steps", 4000, "--validation", "folk-sakura",
                     "--seeds", 1]
        process = subprocess.Popen([*map(str, arguments)], stderr=subprocess.PIPE, text=True)
        with process:
            for line in process.stderr:
                if "loss" in line:
                    process.send_signal(signal.SIGINT)
                    break
            rest = process.stderr.read()
        self.assertEqual(process.returncode, 0)
        self.assertIn("resumes the exploration", rest)
        self.assertTrue((folder / "tiny" / "last.safetensors").is_file())
        self.assertFalse((folder / "tiny" / "result.json").exists())

    def test_no_models(self):
        for arguments, word in (([], "--configs"), (["--configs", "tiny"], "--data")):
            result = explore(self.folder / "none", *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(word, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
