# SPDX-License-Identifier: MIT
"""A headless Chromium that opens the pages from disk, and generated performances."""

import json
import pathlib
import random
import shutil
import subprocess
import time

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None


def missing():
    """The missing requirement, or None."""
    if webdriver is None:
        return "the Python package selenium"
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        return "Chromium"
    if not shutil.which("chromedriver"):
        return "chromedriver"
    return None


class Browser:
    def __init__(self, writer, folder, trace=None):
        """`trace`: categories of a DevTools trace, which `drain_trace` returns."""
        self.writer, self.folder, self.pages = writer, pathlib.Path(folder), 0
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if trace:
            options.add_experimental_option("perfLoggingPrefs", {"traceCategories": trace})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(120)

    def write(self, page, data):
        """The path of a page of `data`, written by the program."""
        self.pages += 1
        source = self.folder / f"{self.pages}.json"
        target = self.folder / f"{page}-{self.pages}.html"
        source.write_text(json.dumps(data), encoding="utf-8")
        subprocess.run([self.writer, page, source, target], check=True)
        return target

    def open(self, page, data, width=1280, height=900, scheme="light", motion="no-preference"):
        path = self.write(page, data)
        self.visit(path.as_uri(), width, height, scheme, motion)
        return path

    def visit(self, address, width=1280, height=900, scheme="light", motion="no-preference"):
        self.drain()
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.cdp(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": motion},
            ],
        )
        self.driver.get(address)
        self.until("return document.readyState === 'complete'")

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait_js(self, script, *arguments):
        """The value of an async function's body."""
        value = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...arguments).then((value) => done({{value}}), (error) => done({{error: String(error)}}))",
            *arguments,
        )
        if "error" in value:
            raise AssertionError(value["error"])
        return value.get("value")

    def until(self, script, seconds=60):
        end = time.monotonic() + seconds
        while not self.js(script):
            if time.monotonic() > end:
                raise AssertionError(f"never came true in {seconds} s: {script}")
            time.sleep(0.05)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def find_all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def drain(self):
        """(console messages, requested URLs) since the last call."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return console, urls

    def drain_trace(self):
        """Events of the trace since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [message["params"] for message in messages if message["method"] == "Tracing.dataCollected"]

    def close(self):
        self.driver.quit()


def performance(seed=1, count=60, seconds=20.0, pedal=True):
    """Random notes, without overlaps of one pitch, and pedal changes."""
    chance = random.Random(seed)
    notes, free = [], {}
    while len(notes) < count:
        start, pitch = round(chance.uniform(0, seconds - 1), 3), chance.randint(36, 84)
        end = round(start + chance.uniform(0.1, 0.9), 3)
        if any(start < e + 0.01 and s - 0.01 < end for s, e in free.setdefault(pitch, [])):
            continue
        free[pitch].append((start, end))
        notes.append([start, end, pitch, chance.randint(30, 110)])
    pedals = [[t + 0.25 * on, 1 - on] for t in range(1, int(seconds) - 1, 2) for on in (0, 1)] if pedal else []
    return {"notes": sorted(notes), "pedal": pedals, "seconds": seconds}


def samples(count=3, **changes):
    """Data of a page of samples."""
    listed = []
    for i in range(count):
        listed.append(
            {
                "file": f"{i + 1:02}.mid",
                "seed": 7 + i,
                "temperature": 1.0,
                "notes": 60,
                "seconds": 20.0,
                "primer_seconds": 8.0,
                "nll_per_token": 2.345 + i,
                "notes_per_second": 3.0,
                "polyphony": 1.5,
                "overlap_area": 0.81,
                "performance": performance(i),
                "memorisation": {
                    "longest_run": 48,
                    "piece": "minuet",
                    "bar": 12,
                    "piece_seconds": 31.2,
                    "share": [0.31, 0.06, 0.0][i % 3],
                },
            }
        )
    return {
        "title": "A minuet, continued",
        "checkpoint": "runs/first",
        "mode": "continue",
        "primer": "minuet.mid",
        "sampling": {"top_k": 0, "min_p": 0.02},
        "held_out": {"share": 0.03, "longest_run": 11},
        "outputs": listed,
        **changes,
    }


def report():
    """Data of a report: steps and seconds are not proportional, the best evaluation is not the last."""
    steps, seconds, valid = [100, 200, 300, 400], [10.0, 25.0, 70.0, 80.0], [4.5, 3.4, 3.1, 3.2]
    metrics = [
        {
            "step": s,
            "seconds": t,
            "tokens": s * 2048,
            "tokens_per_second": 4000 + s,
            "train_nll": v - 0.1,
            "valid_nll": v,
            "learning_rate": 0.005,
            "grad_norm": 0.4,
            "data_time_fraction": 0.012,
        }
        for s, t, v in zip(steps, seconds, valid)
    ]
    taken = [
        {
            "step": m["step"],
            "seconds": m["seconds"],
            "valid_nll": m["valid_nll"],
            "temperature": 1.0,
            "seed": 1,
            "primer": "minuet",
            "primer_seconds": 5.0,
            "performance": performance(i),
        }
        for i, m in enumerate(metrics)
    ]
    return {
        "title": "First run",
        "config": {"layers": 2, "model": {"hidden": 64}},
        "tokens_train": 11249,
        "tokens_valid": 2379,
        "baselines": {"uniform": 5.961, "unigram": 4.6, "bigram": 4.0, "trigram": 3.98, "fourgram": 4.2},
        "parameters": 1068932,
        "metrics": metrics,
        "samples": taken,
        "done": True,
    }


def explore():
    """Data of a grid with one output pending."""
    models, primers, temperatures, seeds = ["tiny", "small"], ["minuet", "prelude"], [0.9, 1.1], [1, 2]
    outputs = []
    for model in models:
        for primer in primers:
            for temperature in temperatures:
                for seed in seeds:
                    i = len(outputs)
                    outputs.append(
                        {
                            "model": model,
                            "primer": primer,
                            "temperature": temperature,
                            "seed": seed,
                            "file": f"{i}.mid",
                            "nll_per_token": 2 + (i * 7 % 16) / 10,
                            "notes_per_second": 5.0 + i,
                            "polyphony": 2.5,
                            "overlap_area": 0.7 + (i * 5 % 16) / 100,
                            "primer_seconds": 4.0,
                            "performance": performance(i, 20, 6.0),
                            "memorisation": {"longest_run": 9, "piece": "minuet", "share": (i * 3 % 16) / 20},
                        }
                    )
    return {
        "title": "Two sizes",
        "models": [
            {"name": m, "config": {"layers": 1}, "parameters": 1000, "valid_nll": 3.1, "seconds": 120} for m in models
        ],
        "primers": primers,
        "temperatures": temperatures,
        "seeds": seeds,
        "outputs": outputs[:-1],
        "pending": 1,
    }
