# SPDX-License-Identifier: MIT
"""Tests the comparison with cuDNN without a GPU: bench_cuda on the host executor, generated times for cuDNN, and the
tables of both.

Usage: check_cuda.py BENCH_CUDA_ON_HOST
"""

import json
import pathlib
import subprocess
import sys
import tempfile

COMPARE = pathlib.Path(__file__).parent / "compare"
REPORT = COMPARE / "cuda_report.py"
ALGORITHMS = {"stepwise", "graph", "grid_persistent", "cluster_persistent", "dataflow_persistent"}


def run(*command, status=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == status, f"{command}: exit status {done.returncode}, wanted {status}: {done.stderr}"
    return done.stdout


def measure(bench, path, *options):
    """The JSON lines of a run: the device, then the configurations."""
    path.unlink(missing_ok=True)
    run(bench, "--timeout", 0, "--json", path, *options)
    device, *rows = map(json.loads, path.read_text().splitlines())
    assert device["side"] == "device" and device["multiprocessors"] > 0, device
    return device, rows


def check_rows(rows, precisions):
    assert {(row["precision"], row["algorithm"]) for row in rows} == {(p, a) for p in precisions for a in ALGORITHMS}
    for row in rows:
        assert row["status"] == "ok" and row["ran_forward"] == row["ran_backward"] == row["algorithm"], row
        assert 0 < row["forward_us_min"] <= row["forward_us"], row
        assert row["backward_us"] > 0 and row["forward_backward_us"] > 0, row
        assert 0 < row["forward_lower_bound_us"] < row["forward_backward_lower_bound_us"], row
        operations = 2 * 4 * row["H"] * (row["C"] + row["H"]) * row["B"]  # of a step
        assert abs(row["forward_tflops"] / (operations / row["forward_us"] * 1e-6) - 1) < 1e-3, row
    errors = {row["precision"]: (row["forward_error"], row["backward_error"])
              for row in rows if row["algorithm"] == "stepwise"}
    assert errors["fp32"] == (0, 0), "stepwise fp32 is the reference"
    assert all(2**-13 < error < 2**-6 for error in errors["bf16"]), errors


def check_report(folder, rows, ours):
    """The generated times of cuDNN are twice those of Rondo's best algorithm; the tables must show that."""
    theirs = folder / "cudnn.jsonl"
    lines = [{"side": "torch", "device": "none", "torch": "0", "cuda": "0", "cudnn": 0}]
    for precision in ("fp32", "bf16"):
        mine = [row for row in rows if row["precision"] == precision]
        best = {field: min(row[field] for row in mine)
                for field in ("forward_us", "backward_us", "forward_backward_us")}
        lines.append({"side": "cudnn", "precision": precision, **{k: mine[0][k] for k in ("T", "B", "C", "H", "L")},
                      **{field: 2 * us for field, us in best.items()}, "inference_us": best["forward_us"]})
    theirs.write_text("\n".join(map(json.dumps, lines)))
    text = run(sys.executable, REPORT, ours, theirs, "--results", folder, "--commit", "c0ffee")
    assert text.count(" 2.00 ") == 4, text  # two precisions, two directions
    assert "c0ffee" in text and "Faults" not in text, text
    (page,) = folder.glob("*.md")
    assert page.read_text() + "\n" == text
    results = json.loads(page.with_suffix(".json").read_text())
    assert len(results["rows"]) == 2 and results["commit"] == "c0ffee", results

    wrong = {**rows[0], "status": "WRONG: y is off by 1"}  # a later correct run must not hide it
    ours.write_text("\n".join([json.dumps(wrong), ours.read_text()]))
    text = run(sys.executable, REPORT, ours, theirs, status=1)
    assert "## Faults" in text and wrong["status"] in text, text


NCU = '''==PROF== Connected to process 1
"ID","Process ID","Kernel Name","Metric Name","Metric Unit","Metric Value"
"0","1","void persistent<ForwardCells<LstmCell, float, 1>>(int)","gpu__time_duration.sum","us","1,234.50"
"0","1","void persistent<ForwardCells<LstmCell, float, 1>>(int)","launch__registers_per_thread","register/thread","254"
"1","1","void persistent<BackwardCells<LstmCell, float, 1>>(int)","gpu__time_duration.sum","us","2000"
'''


def check_profile(folder):
    """The table of a file as ncu writes it."""
    measured = folder / "ncu-grid_persistent-bf16.csv"
    measured.write_text(NCU)
    run(sys.executable, COMPARE / "cuda_profile.py", measured, "--results", folder)
    rows = json.loads((folder / "profile.json").read_text())
    assert [(row["run"], row["pass"], row["metrics"]["time"]) for row in rows] == [
        ("grid_persistent-bf16", "forward", [1234.5, "us"]), ("grid_persistent-bf16", "backward", [2000, "us"])], rows
    assert "| grid_persistent-bf16 | forward | 1234.5 us |" in (folder / "profile.md").read_text()
    measured.write_text("==ERROR== no permission\n")
    run(sys.executable, COMPARE / "cuda_profile.py", measured, "--results", folder, status=1)


def main():
    bench = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ours = folder / "rondo.jsonl"
        _, rows = measure(bench, ours, "--shapes", "5x3x24", "--precisions", "fp32,bf16", "--seed", 1)
        check_rows(rows, {"fp32", "bf16"})
        check_report(folder, rows, ours)
        check_profile(folder)

        choices = folder / "choices.txt"
        _, rows = measure(bench, folder / "automatic.jsonl", "--shapes", "5x3x24", "--precisions", "bf16", "--algorithms",
                          "automatic", "--choices", choices, "--check")
        lines = [line.split("\t") for line in choices.read_text().splitlines() if not line.startswith("#")]
        assert [line[1:8] for line in lines] == [["Lstm", "bf16", pass_, "dense", "24", "3", "4"]
                                                 for pass_ in ("forward", "backward")], lines
        assert [line[8] for line in lines] == [rows[0]["ran_forward"], rows[0]["ran_backward"]], (lines, rows)

        _, rows = measure(bench, folder / "stack.jsonl", "--shapes", "4x3x12x2", "--precisions", "fp32", "--check")
        assert {row["algorithm"]: row["status"] for row in rows} == dict.fromkeys(ALGORITHMS, "ok"), rows
        assert all("forward_us" not in row for row in rows), "--check must not time"
        run(bench, "--shapes", "5x3", status=2)


if __name__ == "__main__":
    main()
