# SPDX-License-Identifier: MIT
"""piano explore: what it puts on its page, and that it goes on where it stopped. Usage: explore.py PIANO SCORES_DIR"""

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


def explore(folder, *arguments):
    return subprocess.run([PIANO, "explore", "--output-dir", str(folder), *map(str, [*GRID, *arguments])], capture_output=True, text=True,
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
        cls.tour = cls.folder / "tour"
        cls.train = ["--data", SCORES, "--configs", "tiny", "--steps", 8, "--validation", "folk-sakura"]
        cls.first = explore(cls.tour, *cls.train, "--primers", *PRIMERS, "--seeds", 1, "--json")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_the_grid_is_whole(self):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        report = json.loads(self.first.stdout)
        self.assertEqual(report["pending"], 0)
        places = {(c["model"], c["primer"], c["temperature"], c["seed"]) for c in report["outputs"]}
        self.assertEqual(places, {("tiny", p.stem, t, 1) for p in PRIMERS for t in (0.9, 1.1)})
        self.assertGreater(report["models"][0]["valid_nll"], 0)
        data = page_data(self.tour)
        self.assertEqual(len(data["outputs"]), 4)
        for cell in data["outputs"]:
            self.assertTrue((self.tour / cell["file"]).is_file())
            read = subprocess.run([PIANO, "inspect", "--json", "--notes", str(self.tour / cell["file"])], capture_output=True, text=True)
            notes = json.loads(read.stdout)["files"][0]["notes"]
            self.assertEqual([n[2] for n in cell["performance"]["notes"]], [n[2] for n in notes])
            self.assertEqual(cell["primer_seconds"], 3)
            self.assertIn("share", cell["memorisation"])

    def test_what_is_there_is_not_made_again(self):
        again = self.folder / "again"
        shutil.copytree(self.tour, again)
        before, weights = contents(again), (again / "tiny" / "last.safetensors").stat().st_mtime_ns
        result = explore(again, *self.train, "--primers", *PRIMERS, "--seeds", "1,2", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        after = contents(again)
        self.assertEqual(len(after), 8)
        self.assertEqual({name: after[name] for name in before}, before)
        self.assertEqual((again / "tiny" / "last.safetensors").stat().st_mtime_ns, weights)
        self.assertEqual(len(page_data(again)["outputs"]), 8)

    def test_a_loaded_run_beside(self):
        both = self.folder / "both"
        result = explore(both, "--run-dirs", self.tour / "tiny", "--seeds", 3, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        cells = json.loads(result.stdout)["outputs"]
        self.assertEqual({cell["primer"] for cell in cells}, {"folk-sakura"})  # its validation piece

    def test_it_stops_and_goes_on(self):
        folder = self.folder / "stop_reason"
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
        self.assertIn("goes on from here", rest)
        self.assertTrue((folder / "tiny" / "last.safetensors").is_file())
        self.assertFalse((folder / "tiny" / "result.json").exists())

    def test_nothing_to_explore(self):
        for arguments, word in (([], "--configs"), (["--configs", "tiny"], "--data")):
            result = explore(self.folder / "none", *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(word, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
