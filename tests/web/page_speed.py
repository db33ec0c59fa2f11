# SPDX-License-Identifier: MIT
"""How soon a page with five minutes of music is painted, and whether it is smooth while it plays.

Usage: page_speed.py WRITE_PAGE [NOTES.json]. NOTES.json is what `piano inspect --json --notes FILE.mid` prints; its first
five minutes are shown. Without it, 3000 notes at random. Prints, of five loads, the time to the first contentful paint, and
of ten seconds of playing the longest time between two frames and the longest task of the page's main thread in DevTools'
trace. Exit status: 0 within the limits (300 ms, 50 ms, 50 ms), 1 not, 77 a browser or a package is absent.
"""

import json
import pathlib
import statistics
import sys
import tempfile
import time

import browser as web

PAINT, FRAME, SECONDS = 300, 50, 10  # ms, ms, s


def five_minutes(path):
    if path is None:
        return web.performance(1, 3000, 300.0)
    inspected = json.loads(pathlib.Path(path).read_text())["files"][0]
    notes = [[round(x, 3) for x in note[:4]] for note in inspected["notes"] if note[0] < 295 and note[1] > note[0]]
    pedal = [
        [round(time, 3), down]
        for start, end, *_ in inspected["pedals"]
        if end < 300
        for time, down in ((start, 1), (end, 0))
    ]
    return {"notes": notes, "pedal": pedal, "seconds": 300.0}


def main(writer, notes=None):
    with tempfile.TemporaryDirectory() as folder:
        browser = web.Browser(writer, folder, trace="toplevel,devtools.timeline,blink.user_timing")
        try:
            music = five_minutes(notes)
            data = web.samples(1, outputs=[{"file": "01.mid", "seed": 1, "primer_seconds": 15, "performance": music}])
            paints = []
            for _ in range(5):
                browser.open("samples", data)
                browser.until("return performance.getEntriesByName('first-contentful-paint').length")
                paints.append(browser.js("return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            drawn = browser.js("return rondo.stage.player.piece.notes.length")
            print(
                f"{drawn} notes, {music['seconds']:.0f} s; first contentful paint {statistics.median(paints):.0f} ms "
                f"(of five: {min(paints):.0f} to {max(paints):.0f})"
            )

            browser.find("#play").click()
            browser.until(
                "return rondo.stage.player.since > 0 && rondo.stage.player.context.currentTime > rondo.stage.player.since"
            )
            time.sleep(1)
            browser.drain_trace()
            frames = browser.wait_js(f"""
                const gaps = [];
                performance.mark('rondo-begin');
                let last = await new Promise(requestAnimationFrame);
                for (const end = last + {1000 * SECONDS}; last < end;) {{
                  const now = await new Promise(requestAnimationFrame);
                  gaps.push(now - last);
                  last = now;
                }}
                performance.mark('rondo-end');
                return gaps;""")
            position = browser.js("return rondo.stage.player.position")
            browser.driver.get("about:blank")  # ends the trace
            events = browser.drain_trace()
            main_threads = {
                (e["pid"], e["tid"]) for e in events if e.get("name") in ("FireAnimationFrame", "TimerFire")
            }
            begin, end = (
                next(e["ts"] for e in events if e.get("name") == f"rondo-{mark}") for mark in ("begin", "end")
            )
            tasks = [
                e["dur"] / 1000
                for e in events
                if (e["pid"], e["tid"]) in main_threads and e.get("dur") and begin <= e["ts"] <= end
            ]
            longest = max(tasks, default=float("nan"))
            print(
                f"played to {position:.1f} s; {len(frames)} frames in {SECONDS} s, the longest {max(frames):.1f} ms, "
                f"{sum(g > FRAME for g in frames)} over {FRAME} ms; {len(tasks)} events in the trace, the longest {longest:.1f} ms"
            )
            return 0 if statistics.median(paints) < PAINT and max(frames) <= FRAME and longest <= FRAME else 1
        finally:
            browser.close()


if __name__ == "__main__":
    wanting = web.missing()
    if wanting:
        print(f"page_speed: skipped: {wanting} is not here")
        sys.exit(77)
    sys.exit(main(*sys.argv[1:]))
