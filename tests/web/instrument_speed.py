# SPDX-License-Identifier: MIT
"""How fast the network in a page is: tokens per second, delays while playing live, frames and memory. Linux only.

Usage: instrument_speed.py PAGE.html [MINUTES of playing live, 1]. Prints the figures; exit status 77 if a browser or a
package is missing.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

import browser as web


class Renderer:
    """The page's process, by Linux's /proc."""

    def __init__(self, driver):
        parents, names = {}, {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                names[entry.name] = (entry / "cmdline").read_text()
                parents[entry.name] = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:  # it has ended
                continue
        found = {str(driver.service.process.pid)}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        renderers = [pathlib.Path("/proc") / pid for pid in found if "--type=renderer" in names.get(pid, "")]
        self.process = max(renderers, key=self.resident)

    @staticmethod
    def resident(process):
        return int((process / "statm").read_text().split()[1]) * 4096 / 1e6

    def megabytes(self):
        return self.resident(self.process)

    def worker_seconds(self):
        """Processor time of the workers."""
        ticks = 0
        for task in (self.process / "task").iterdir():
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            if name.startswith("DedicatedWorker"):
                ticks += sum(int(field) for field in rest.split()[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")


def main(page, minutes=1.0):
    with tempfile.TemporaryDirectory() as folder:
        browser = web.Browser(None, folder)
        try:
            browser.visit(pathlib.Path(page).resolve().as_uri() + "#seed=1&seconds=60")
            browser.wait_js("window.played = await rondo.instrument")
            browser.until("return rondo.stage.player.tones.buffers.size === tonePitches.length", 120)
            renderer, speeds, tokens = Renderer(browser.driver), [], 0
            used = renderer.worker_seconds()
            for _ in range(5):
                browser.js("played.again.last = null; rondo.stage.select(rondo.stage.items.at(-1))")
                browser.find("#continue").click()
                browser.until("return played.again.last")
                browser.js("rondo.stage.player.pause()")
                speeds.append(browser.js("return played.again.last.tokensPerSecond"))
                tokens += browser.js("return played.again.last.sampled")
            used = renderer.worker_seconds() - used
            print(
                f"new music of a minute: {statistics.median(speeds):.0f} tokens/s (of five: {min(speeds):.0f} to "
                f"{max(speeds):.0f}); {tokens / used:.0f} per second of processor time"
            )

            browser.find("#live").click()
            browser.until("return played.live.on")
            browser.js("""
                window.gaps = [];
                let last = performance.now();
                const frame = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(frame); };
                requestAnimationFrame(frame);""")
            before, end = renderer.megabytes(), time.monotonic() + 60 * float(minutes)
            while time.monotonic() < end:
                for pitch in (60, 64, 67, 72, 71, 67):
                    for velocity in (80, 0):
                        browser.js(f"played.live.key({pitch}, {velocity})")
                        time.sleep(0.1)
                time.sleep(4)
            delays, gaps, tokens = browser.js("return [played.live.delays, gaps.slice(2), played.live.tokens]")
            for kind, name in (("key", "from a key to its sound"), ("answer", "from the pause to the answer")):
                all_of = delays[kind]
                print(f"{name}: {statistics.median(all_of):.1f} ms (of {len(all_of)}; the longest {max(all_of):.1f})")
            print(f"{len(gaps)} frames, the longest {max(gaps):.0f} ms, {sum(g > 50 for g in gaps)} over 50 ms")
            print(
                f"{tokens:.0f} tokens played; memory of the page's process {before:.0f} MB, after {minutes} min "
                f"{renderer.megabytes():.0f} MB"
            )
            return 0
        finally:
            browser.close()


if __name__ == "__main__":
    wanting = web.missing()
    if wanting:
        print(f"instrument_speed: skipped: {wanting} is missing")
        sys.exit(77)
    sys.exit(main(*sys.argv[1:]))
