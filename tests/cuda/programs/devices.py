# SPDX-License-Identifier: MIT
"""Compares the programs with --device cuda to those on the CPU: one seed gives one curve, and a run can be resumed on
the other device.

Usage: devices.py PIANO CHORALES PIANO_CUDA CHORALES_CUDA SCORES_DIR REFUSAL

The first two run on the CPU. REFUSAL is PIANO's message for --device cuda; empty if it was built with CUDA. Exit status
77 if PIANO_CUDA finds no GPU.

Bound of the distance of two curves: both devices compute in float, unit roundoff u, with sums in different orders. A
token's logits, smaller than 1, are sums of H products after L layers and T steps; its loss is a logarithm of a sum of V
exponentials. That is N = V + H + L T roundings, which add up like a random walk to sqrt(N) u; a batch's loss is a mean
over B T tokens, which divides that by sqrt(B T). Gradients have the same accuracy, and so do the weights; at worst each
step adds the same error again: after n steps n sqrt(N / (B T)) u nats. Products rounded to bf16 exceed that by far.
"""

import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PIANO, CHORALES, PIANO_CUDA, CHORALES_CUDA = sys.argv[1:5]
SCORES, REFUSAL = pathlib.Path(sys.argv[5]), sys.argv[6]
del sys.argv[1:]

V, H, L, B, T = 388, 16, 2, 4, 16
FIRST, LAST = 6, 10  # steps before the change of device, and in total
UNIT_ROUNDOFF = 2.0**-24
MINUET = SCORES / "petzold-anh114-minuet.abc"
PRELUDE = SCORES / "bach-bwv846-prelude.abc"
# Two windows, then a stream starts at another position with a new state.
SETTINGS = ["--data", MINUET, PRELUDE, "--validation", MINUET.stem, "--layers", L, "--hidden", H, "--embedding", 8,
            "--batch-size", B, "--sequence-length", T, "--windows", 2, "--dropout", 0.2, "--weight-dropout", 0.1,
            "--no-augment", "--threads", 1]


def bound(steps):
    """In nats."""
    return steps * math.sqrt((V + H + L * T) / (B * T)) * UNIT_ROUNDOFF


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=600)


def error_lines(result):
    return [line for line in result.stderr.splitlines() if line]


class Devices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Trains FIRST steps on each device, then resumes on each device to LAST, with an evaluation at every step."""
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.reports, cls.curves = {}, {}
        for first in ("cpu", "cuda"):
            cls.train(first, first, "--steps", FIRST, "--evaluations", FIRST, *SETTINGS)
            for second in ("cpu", "cuda"):
                shutil.copytree(cls.folder / first, cls.folder / (first + second))
                cls.train(first + second, second, "--resume", "--steps", LAST, "--evaluations", LAST)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def train(cls, name, device, *arguments):
        result = run(PIANO if device == "cpu" else PIANO_CUDA, "train", "--run-dir", cls.folder / name, "--device", device,
                     "--json", *arguments)
        if result.returncode != 0:
            raise AssertionError(f"{name}: {result.stderr}")
        cls.reports[name] = json.loads(result.stdout)
        lines = (cls.folder / name / "metrics.jsonl").read_text().splitlines()
        cls.curves[name] = [json.loads(line) for line in lines]
        cls.reports[name]["stderr"] = result.stderr

    def assert_same_curve(self, first, second, key, scale=1.0):
        a, b = ([line[key] for line in self.curves[name]] for name in (first, second))
        self.assertEqual(len(a), len(b))
        distances = [abs(x - y) for x, y in zip(a, b)]
        print(f"{first} and {second}, {key}: at most {max(distances):.1e} apart, bound {scale * bound(1):.1e} per step")
        for step, difference in enumerate(distances, 1):
            self.assertLessEqual(difference, scale * bound(step), f"{key} at step {step}")

    def test_reports_name_the_device(self):
        cpu, cuda = self.reports["cpu"], self.reports["cuda"]
        self.assertEqual((cpu["device"], cuda["device"], cuda["precision"]), ("cpu", "cuda", "fp32"))
        self.assertIn(cuda["device_name"], cuda["stderr"])
        self.assertEqual(cuda["steps"], FIRST)

    def test_one_seed_gives_one_curve(self):
        for key in ("train_nll", "valid_nll"):
            self.assert_same_curve("cpu", "cuda", key)
        largest = max(line["grad_norm"] for line in self.curves["cpu"])
        self.assert_same_curve("cpu", "cuda", "grad_norm", largest * math.sqrt(B * T))  # a sum over tokens, not a mean
        losses = [line["valid_nll"] for line in self.curves["cpu"]]
        self.assertGreater(losses[0] - losses[-1], 100 * bound(FIRST))  # not vacuous: the loss decreases

    def test_resumes_from_the_other_device_s_checkpoint(self):
        steps = [line["step"] for line in self.curves["cpucpu"]]
        self.assertEqual(steps, list(range(1, LAST + 1)))
        for other in ("cpucuda", "cudacpu", "cudacuda"):
            for key in ("train_nll", "valid_nll"):
                self.assert_same_curve("cpucpu", other, key)
        # The resumed checkpoint is really the other device's: the curves differ slightly.
        self.assertNotEqual(self.curves["cpucuda"][-1]["valid_nll"], self.curves["cpucpu"][-1]["valid_nll"])

    def test_a_model_of_either_device_is_evaluated_on_both_and_sampled_on_the_cpu(self):
        for name in ("cpu", "cuda"):
            for program, device in ((PIANO, "cpu"), (PIANO_CUDA, "cuda")):
                result = run(program, "eval", "--run-dir", self.folder / name, "--data", MINUET, "--num-outputs", 0, "--device",
                             device, "--json")
                self.assertEqual(result.returncode, 0, result.stderr)
                report = json.loads(result.stdout)
                self.assertEqual(report["device"], device)
                self.assertLessEqual(abs(report["nll_per_token"] - self.reports[name]["best_valid_nll"]), bound(1))
            out = self.folder / f"{name}-samples"
            result = run(PIANO, "sample", "--run-dir", self.folder / name, "--output-dir", out, "--seconds", 1,
                         "--num-outputs", 1)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue((out / "01.mid").is_file())

    def test_every_algorithm_gives_the_same_curve(self):
        for algorithm in ("graph", "grid_persistent"):
            self.train(algorithm, "cuda", "--recurrent-algorithm", algorithm, "--steps", FIRST, "--evaluations", FIRST, *SETTINGS)
            self.assertEqual(self.reports[algorithm]["recurrent_algorithm"], algorithm)
            for key in ("train_nll", "valid_nll"):
                self.assert_same_curve("cpu", algorithm, key)

    def test_a_cuda_graph_of_each_step_has_the_bits_of_single_launches(self):
        # Two steps are not replayed: the first one, and the one that is captured. Resumed, a run captures again.
        self.assertEqual(self.reports["cuda"]["cuda_graph_steps"], FIRST - 2)
        self.assertEqual(self.reports["cudacuda"]["cuda_graph_steps"], LAST - FIRST - 2)
        self.assertNotIn("cuda_graph_steps", self.reports["cpu"])
        self.train("launches", "cuda", "--no-cuda-graph", "--steps", FIRST, "--evaluations", FIRST, *SETTINGS)
        self.assertEqual(self.reports["launches"]["cuda_graph_steps"], 0)
        for key in ("train_nll", "valid_nll", "grad_norm"):
            self.assertEqual([line[key] for line in self.curves["launches"]], [line[key] for line in self.curves["cuda"]])

    def test_a_graph_is_not_used_where_steps_accumulate(self):
        self.train("accumulated", "cuda", "--accumulate", 2, "--steps", 4, "--evaluations", 1, *SETTINGS)
        self.assertEqual(self.reports["accumulated"]["cuda_graph_steps"], 0)

    def test_precision_is_applied_and_not_saved(self):
        self.train("bf16", "cuda", "--precision", "bf16", "--steps", FIRST, "--evaluations", FIRST, *SETTINGS)
        self.assertEqual(self.reports["bf16"]["precision"], "bf16")
        distance = max(abs(a["train_nll"] - b["train_nll"]) for a, b in zip(self.curves["bf16"], self.curves["cpu"]))
        self.assertGreater(distance, bound(FIRST))
        self.assertLess(distance, bound(FIRST) * 2.0**16)  # bf16 has 16 fewer bits of mantissa
        self.assertEqual((self.folder / "bf16" / "config.json").read_text(), (self.folder / "cuda" / "config.json").read_text())

    def test_options_of_a_gpu_are_rejected_on_the_cpu(self):
        for option in (["--precision", "tf32"], ["--precision", "fp16"], ["--recurrent-algorithm", "graph"]):
            result = run(PIANO_CUDA, "train", "--run-dir", self.folder / "no", *option, *SETTINGS)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"{' '.join(option)}: needs --device cuda", result.stderr)

    @unittest.skipUnless(REFUSAL, "PIANO was built with CUDA")
    def test_a_program_without_cuda_reports_it(self):
        for program, arguments in ((PIANO, ["train", "--run-dir", self.folder / "no", *SETTINGS]), (CHORALES, ["--data", "x"])):
            result = run(program, *arguments, "--device", "cuda")
            self.assertEqual(result.returncode, 1)
            self.assertEqual(len(error_lines(result)), 1)
            self.assertIn(REFUSAL, error_lines(result)[0])
        self.assertFalse((self.folder / "no").exists())

    def test_chorales(self):
        chords = [[60, 64, 67], [62, 65, 69], [64, 67, 71], [60, 64, 67], [59, 62, 67]]
        pieces = [chords * n for n in (4, 2, 3, 1)]  # of several lengths
        path = self.folder / "data.json"
        path.write_text(json.dumps({"train": pieces * 3, "valid": pieces[:2], "test": pieces[2:]}))
        arguments = ["--data", path, "--hidden", H, "--epochs", 1, "--batch-size", 4, "--threads", 1, "--json"]
        cpu, cuda = (run(program, *arguments, "--device", device)
                     for program, device in ((CHORALES, "cpu"), (CHORALES_CUDA, "cuda")))
        self.assertEqual(cuda.returncode, 0, cuda.stderr)
        cpu, cuda = (json.loads(result.stdout) for result in (cpu, cuda))
        self.assertEqual((cpu["device"], cuda["device"]), ("cpu", "cuda"))
        self.assertEqual(cpu["parameters"], cuda["parameters"])
        for key in ("valid_nll", "test_nll"):  # three steps; relative, since a frame is 88 losses
            print(f"chorales, {key}: {abs(cpu[key] - cuda[key]):.1e} apart")
            self.assertLessEqual(abs(cpu[key] - cuda[key]), bound(3) * cpu[key])
            self.assertLess(cpu[key], 61)  # 88 ln 2: it has learned


if __name__ == "__main__":
    probe = run(PIANO_CUDA, "train", "--device", "cuda", "--run-dir", "nowhere", "--data", "nowhere")
    if "there is no GPU" in probe.stderr:
        print("skipped: there is no GPU")
        sys.exit(77)
    unittest.main(verbosity=2)
