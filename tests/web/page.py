# SPDX-License-Identifier: MIT
"""Tests of the pages in a real browser, opened from disk: content, playback, controls, and no network requests.

Usage: page.py WRITE_PAGE [unittest's arguments]. Exit status: 0 passed, 1 failed, 77 a browser or a package is
missing.
"""

import base64
import pathlib
import sys
import tempfile
import unittest

import browser as web

try:
    import numpy
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
except ImportError:
    numpy = None

HOSTILE = '</script><img src=x onerror="hacked=1"> <!-- <script> \'"& é ♪ \u2028 {{data}}'
RATE = 44100


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.browser = web.Browser(WRITER, cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.folder.cleanup()

    def tearDown(self):  # of every page: it is silent, and keeps to itself
        console, urls = self.browser.drain()
        self.assertEqual(console, [])
        for url in urls:
            self.assertRegex(url, "^(file|data|blob):")

    def open(self, page="samples", data=None, **how):
        data = getattr(web, page)() if data is None else data
        self.browser.open(page, data, **how)
        return data

    def js(self, script, *arguments):
        return self.browser.js(script, *arguments)

    def press(self, *keys):
        ActionChains(self.browser.driver).send_keys(*keys).perform()

    def click(self, selector):
        self.browser.find(selector).click()

    def position(self):
        return self.js("return rondo.stage.player.position")

    def started_from(self):
        """The position at which playback last began; unlike the current position, it does not depend on time."""
        return self.js("return rondo.stage.player.anchor")

    def wait_to_sound(self):
        self.browser.until(
            "return rondo.stage.player.playing && rondo.stage.player.since > 0 && "
            "rondo.stage.player.context.currentTime > rondo.stage.player.since"
        )


class Shows(PageTest):
    def test_the_notes_are_those_of_the_data(self):
        data = self.open()
        for i, output in enumerate(data["outputs"]):
            shown = self.js(
                "rondo.stage.select(rondo.stage.items[arguments[0]]);"
                "return rondo.stage.player.piece.notes.map((n) => [n.start, n.end, n.pitch, n.velocity])",
                i,
            )
            self.assertEqual(sorted(shown), output["performance"]["notes"])
            self.assertEqual(
                self.js("return rondo.stage.player.piece.pedal.flat()"), [t for t, _ in output["performance"]["pedal"]]
            )

    def canvas_hue(self, x, y):
        """The colour of the roll at that point: "primer", "fresh" or None."""
        r, g, b = self.js(
            """
            const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
            copy.drawImage(document.getElementById('roll'), -arguments[0], -arguments[1]);
            return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];""",
            x,
            y,
        )
        if max(r, g, b) - min(r, g, b) < 24:
            return None
        return "fresh" if r > b else "primer"

    def test_the_roll_draws_them_at_their_place(self):
        for scheme in ("light", "dark"):
            data = self.open(scheme=scheme)
            self.js("rondo.stage.roll.zoom(0.001); rondo.stage.player.seek(20)")
            notes = data["outputs"][0]["performance"]["notes"]
            width, height = self.js(
                "const c = document.getElementById('roll'); return [c.clientWidth, rondo.stage.roll.notesHeight]"
            )
            top, bottom = max(n[2] for n in notes) + 2, min(n[2] for n in notes) - 2
            row = height / (top - bottom + 1)
            at = lambda time, pitch: (int(time / 20 * width), int((top - pitch + 0.5) * row))
            checked = 0
            for start, end, pitch, _ in notes:
                middle = (start + end) / 2
                x, y = at(middle, pitch)
                if x < 30 or (x > width - 90 and y < 50) or end - start < 0.2:
                    continue  # labels and buttons lie there
                self.assertEqual(self.canvas_hue(x, y), "primer" if start < 8 else "fresh", (start, pitch))
                free = next(
                    p
                    for p in range(bottom, top)
                    if not any(n[2] in (p - 1, p, p + 1) and n[0] - 0.2 < middle < n[1] + 0.2 for n in notes)
                )
                if abs(x - 8 / 20 * width) > 3:  # where the primer ends a line is drawn
                    self.assertIsNone(self.canvas_hue(*at(middle, free)), (middle, free))
                checked += 1
            self.assertGreater(checked, 20)

    def test_variations_mark_the_notes_that_were_kept(self):
        kept = {"notes": [[0, 1, 60, 80, 1], [1, 2, 62, 80, 0], [2, 3, 64, 80, 1]], "pedal": [], "seconds": 3}
        self.open(data=web.samples(1, mode="vary", outputs=[{"seed": 1, "primer_seconds": 0, "performance": kept}]))
        self.assertEqual(self.js("return rondo.stage.player.piece.notes.map((n) => n.primer)"), [True, False, True])

    def test_the_list_shows_the_metrics(self):
        self.open()
        rows = self.browser.find_all("#outputs > li")
        self.assertEqual(len(rows), 3)
        for words in (
            "Seed 7",
            "temperature 1",
            "2.345 nats per token",
            "60",
            "0:20",
            "31\u202f%",
            "held-out pieces: 3\u202f%",
            "48 notes of minuet (bar 12, at 0:31)",
        ):
            self.assertIn(words, rows[0].text)
        levels = [r.find_element("css selector", ".memory").get_attribute("data-level") for r in rows]
        self.assertEqual(levels, ["high", "some", "low"])
        self.assertEqual(rows[1].find_element("css selector", "a.file").get_attribute("download"), "02.mid")
        self.assertTrue(rows[1].find_element("css selector", "a.file").get_attribute("href").startswith("file://"))
        self.assertIn("roll: 60 notes", self.browser.find("#roll").accessible_name)

    def test_the_programs_result_on_memorisation_takes_precedence(self):
        words = lambda *given: self.js("const w = memorisationWords(...arguments); return [w.level, w.long]", *given)
        report = {"longest_run": 30, "share": 0.2, "piece": "minuet", "transposed": {"longest_run": 30, "share": 0.2}}
        held_out = {"share": 0.02, "transposed": {"share": 0.1}}
        self.open()
        self.assertEqual(words(report, held_out, None)[0], "high")
        self.assertEqual(words({**report, "copied": False}, held_out, None)[0], "some")
        self.assertEqual(words({**report, "share": 0.0, "copied": True}, held_out, None)[0], "high")
        self.assertEqual(words(report, held_out, {"share": 0.5, "longest_run": 40})[0], "some")
        self.assertEqual(words(report, held_out, {"share": 0.5, "longest_run": 29})[0], "high")
        moved = {
            **report,
            "share": 0.0,
            "longest_run": 2,
            "transposed": {"longest_run": 50, "share": 0.6, "piece": "x", "semitones": -3},
        }
        level, text = words(moved, held_out, None)
        self.assertEqual(level, "high")
        for part in ("60\u202f%", "transposed", "held-out pieces: 10\u202f%", "50 notes of x (3 semitones down)"):
            self.assertIn(part, text)
        self.assertEqual(words(None, held_out, None), ["unknown", "Not compared with the training pieces."])

    def test_hostile_names_are_text(self):
        data = web.samples(1, title=HOSTILE, primer=HOSTILE, checkpoint=HOSTILE)
        data["outputs"][0]["file"] = HOSTILE
        data["outputs"][0]["memorisation"]["piece"] = HOSTILE
        report = {**web.report(), "title": HOSTILE, "config": {HOSTILE: HOSTILE}}
        explore = web.explore()
        explore.update(
            title=HOSTILE,
            primers=[HOSTILE],
            models=[{"name": HOSTILE}],
            outputs=[{**explore["outputs"][0], "model": HOSTILE, "primer": HOSTILE, "file": HOSTILE}],
        )
        for page, data in (("samples", data), ("report", report), ("explore", explore)):
            self.open(page, data)
            self.assertEqual(self.js("return document.querySelector('h1').textContent"), HOSTILE)
            self.assertEqual(self.js("return document.title.replace(/\\s+/g, ' ')"), " ".join(HOSTILE.split()))
            self.assertIsNone(self.js("return window.hacked ?? null"))
            self.assertEqual(self.js("return document.images.length"), 0)
        self.assertEqual(self.js("return rondo.items[0].file"), HOSTILE)

    def test_few_and_many_outputs(self):
        for page in ("samples", "report", "explore"):
            self.open(page, {})
            self.assertFalse(self.browser.find("#play").is_enabled())
            self.press(" ", "n", "p", "+", "-", Keys.HOME, Keys.END, Keys.ARROW_LEFT)
        self.open(data=web.samples(1, outputs=[{"performance": {"notes": [], "pedal": [], "seconds": 0}}]))
        self.open(data=web.samples(1, outputs=[{"seed": 1, "performance": web.performance(3, 1000, 200.0)}]))
        self.assertEqual(self.js("return rondo.stage.player.piece.notes.length"), 1000)


class Sounds(PageTest):
    def render(self, notes, pedal=(), seconds=None):
        """The audio samples that the page renders for these notes, left and right mixed."""
        seconds = seconds or max(n[1] for n in notes) + 1.5
        self.open(
            data=web.samples(1, outputs=[{"performance": {"notes": notes, "pedal": list(pedal), "seconds": seconds}}])
        )
        text = self.browser.wait_js(
            """
            const sound = await renderPiece(rondo.stage.player.piece, rondo.stage.player.tones, 0, given[0]);
            const [a, b] = [sound.getChannelData(0), sound.getChannelData(1)];
            const mixed = new Int16Array(a.length).map((_, i) => Math.max(-32767, Math.min(32767, 16384 * (a[i] + b[i]))));
            const bytes = new Uint8Array(mixed.buffer);
            let text = "";
            for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
            return btoa(text);""",
            seconds,
        )
        return numpy.frombuffer(base64.b64decode(text), dtype="<i2") / 32768.0

    @staticmethod
    def loudness(sound, start, end):
        return float(numpy.sqrt(numpy.mean(sound[int(start * RATE) : int(end * RATE)] ** 2)))

    @staticmethod
    def pitch_of(sound, start, near):
        """The pitch in Hz by autocorrelation: the peak within four semitones of `near`, interpolated by a parabola."""
        length = int(0.35 * RATE)
        part = sound[int(start * RATE) :][:length] * numpy.hanning(length)
        spectrum = numpy.fft.rfft(part, 4 * len(part))
        correlation = numpy.fft.irfft(numpy.abs(spectrum) ** 2)
        first, last = int(RATE / near / 1.26), int(RATE / near * 1.26) + 2
        k = first + int(numpy.argmax(correlation[first:last]))
        a, b, c = correlation[k - 1 : k + 2]
        return RATE / (k + 0.5 * (a - c) / (a - 2 * b + c))

    def test_sound_where_notes_are_and_silence_elsewhere(self):
        sound = self.render([[1.0, 1.5, 57, 80], [4.5, 5.0, 72, 80]])
        first, second = self.loudness(sound, 1.0, 1.4), self.loudness(sound, 4.5, 4.9)
        self.assertGreater(min(first, second), 0.01)
        self.assertEqual(self.loudness(sound, 0, 0.97), 0)
        self.assertLess(self.loudness(sound, 3.9, 4.45), 0.003 * first)
        onset = numpy.argmax(numpy.abs(sound) > 0.02 * numpy.max(numpy.abs(sound))) / RATE
        self.assertAlmostEqual(onset, 1.0, delta=0.02)
        self.assertLess(numpy.max(numpy.abs(sound)), 0.99)

    def test_each_pitch_is_in_tune(self):
        pitches = [33, 40, 46, 53, 60, 69, 74, 80, 87]
        sound = self.render([[2 * i + 0.2, 2 * i + 0.8, p, 70] for i, p in enumerate(pitches)])
        for i, pitch in enumerate(pitches):
            wanted = 440 * 2 ** ((pitch - 69) / 12)
            got = self.pitch_of(sound, 2 * i + 0.3, wanted)
            self.assertLess(abs(1200 * numpy.log2(got / wanted)), 15, f"pitch {pitch}: {got} Hz, wanted {wanted}")

    def test_velocity_sets_loudness_and_brightness(self):
        sound = self.render([[0.2, 0.8, 48, 35], [3.2, 3.8, 48, 115]])
        self.assertGreater(self.loudness(sound, 3.2, 3.7), 2 * self.loudness(sound, 0.2, 0.7))
        centre = []
        for start in (0.22, 3.22):
            power = numpy.abs(numpy.fft.rfft(sound[int(start * RATE) : int((start + 0.4) * RATE)])) ** 2
            centre.append(numpy.sum(power * numpy.arange(len(power))) / numpy.sum(power))
        self.assertGreater(centre[1], 1.2 * centre[0])

    def test_the_pedal_holds(self):
        notes = [[0.2, 0.6, 55, 80], [8.0, 8.1, 60, 1]]
        dry = self.render(notes, seconds=8)
        held = self.render(notes, [[0.4, 1], [3.5, 0]], seconds=8)
        self.assertLess(self.loudness(dry, 2.6, 3.2), 0.01 * self.loudness(dry, 0.2, 0.6))
        self.assertGreater(self.loudness(held, 2.6, 3.2), 0.05 * self.loudness(held, 0.2, 0.6))
        self.assertLess(self.loudness(held, 5.5, 6.5), 0.02 * self.loudness(held, 2.6, 3.2))

    def test_a_struck_chord_of_ten_does_not_clip(self):
        sound = self.render([[0.2, 1.5, p, 120] for p in (36, 40, 43, 48, 52, 55, 60, 64, 67, 72)])
        self.assertLess(numpy.max(numpy.abs(sound)), 0.999)

    def test_the_wav_file_is_valid(self):
        self.open(
            data=web.samples(
                1, outputs=[{"seed": 1, "performance": {"notes": [[0, 0.5, 60, 80]], "pedal": [], "seconds": 1}}]
            )
        )
        header, size = self.browser.wait_js("""
            const blob = wavOf(await renderPiece(rondo.stage.player.piece, rondo.stage.player.tones));
            return [[...new Uint8Array(await blob.slice(0, 44).arrayBuffer())], blob.size]""")
        self.assertEqual((bytes(header[:4]), bytes(header[8:16])), (b"RIFF", b"WAVEfmt "))
        self.assertEqual(int.from_bytes(bytes(header[24:28]), "little"), RATE)
        self.assertEqual(int.from_bytes(bytes(header[40:44]), "little"), size - 44)
        self.assertEqual(size - 44, 3 * RATE * 4)  # the piece and two seconds to ring

    def test_it_plays_the_notes_of_the_data(self):
        notes = [[0.5, 0.9, 60, 90], [4.0, 4.4, 67, 90], [4.0, 25, 48, 90]]
        self.open(data=web.samples(1, outputs=[{"performance": {"notes": notes, "pedal": [], "seconds": 26}}]))
        self.js("""window.struck = []; window.levels = [];
            const player = rondo.stage.player; player.open();
            const strike = player.synth.strike;
            player.synth.strike = function (stage, pitch, velocity, when, ...more) {
              struck.push([pitch, when - player.since]);
              return strike.call(this, stage, pitch, velocity, when, ...more);
            };""")
        self.js(
            """const analyser = rondo.stage.player.context.createAnalyser(); analyser.fftSize = 2048;
            rondo.stage.player.synth.output.connect(analyser);
            const wave = new Float32Array(2048);
            setInterval(() => { analyser.getFloatTimeDomainData(wave);
              levels.push([rondo.stage.player.position, Math.sqrt(wave.reduce((s, v) => s + v * v, 0) / 2048)]); }, 20);"""
        )
        self.browser.drain()  # Chromium warns that sound was made ready before a gesture; the reader's way comes next
        self.click("#play")
        self.wait_to_sound()
        self.assertEqual(self.js("return rondo.stage.player.context.state"), "running")
        self.browser.until("return rondo.stage.player.position > 4.2")
        lit = self.js("return [rondo.stage.keyboard.lit, rondo.stage.player.position]")
        if lit[1] < 4.39:
            self.assertEqual(sorted(lit[0]), [48, 67])
        self.browser.until("return rondo.stage.player.position > 4.5")
        struck = sorted(self.js("return struck"))
        self.assertEqual([p for p, _ in struck], [48, 60, 67])
        for (_, when), start in zip(struck, (4.0, 0.5, 4.0)):
            self.assertAlmostEqual(when, start, places=6)
        levels = self.js("return levels")
        loudest = max(level for at, level in levels if 0.52 < at < 0.9)
        quiet = max(level for at, level in levels if 2.9 < at < 3.9)
        self.assertGreater(loudest, 0.005)
        self.assertLess(quiet, 0.03 * loudest)
        self.click("#play")
        self.assertEqual(self.browser.find("#play").accessible_name, "Play")
        stopped = self.position()
        after = self.browser.wait_js("await new Promise((r) => setTimeout(r, 1500)); return levels.at(-1)[1]")
        self.assertLess(after, 0.03 * loudest)  # the long note would still be there
        self.assertEqual(self.position(), stopped)

    def test_it_starts_within_a_held_note(self):
        self.open(
            data=web.samples(1, outputs=[{"performance": {"notes": [[0, 5, 48, 100]], "pedal": [], "seconds": 6}}])
        )
        self.browser.wait_js("await rondo.stage.player.tones.ready([48])")
        level = self.browser.wait_js("""
            const sound = await renderPiece(rondo.stage.player.piece, rondo.stage.player.tones, 2, 3);
            return Math.max(...sound.getChannelData(0).slice(22050, 30000).map(Math.abs))""")
        self.assertGreater(level, 0.005)


class Obeys(PageTest):
    def test_clock_of_play_head(self):
        self.open()
        self.click("#play")
        self.wait_to_sound()
        (a, then), (b, now) = [
            self.browser.wait_js(
                "await new Promise((r) => setTimeout(r, 600)); const p = rondo.stage.player; return [p.position, p.context.currentTime - (p.context.outputLatency || 0)]"
            )
            for _ in range(2)
        ]
        self.assertGreater(b - a, 0)
        self.assertAlmostEqual(b - a, now - then, delta=0.01)
        self.assertEqual(self.browser.find("#play").accessible_name, "Pause")
        self.assertIn("Playing Seed 7", self.browser.find("#status").text)
        self.browser.find("#speed").send_keys("2")
        self.js("const s = document.getElementById('speed'); s.value = '2'; s.dispatchEvent(new Event('change'))")
        self.wait_to_sound()
        (a, then), (b, now) = [
            self.browser.wait_js(
                "await new Promise((r) => setTimeout(r, 400)); const p = rondo.stage.player; return [p.position, p.context.currentTime - (p.context.outputLatency || 0)]"
            )
            for _ in range(2)
        ]
        self.assertAlmostEqual(b - a, 2 * (now - then), delta=0.02)

    def test_seeks_by_roll_slider_and_keys(self):
        self.open()
        self.js("rondo.stage.roll.zoom(0.001)")  # all of it in sight
        roll = self.browser.find("#roll")
        ActionChains(self.browser.driver).move_to_element_with_offset(
            roll, roll.size["width"] // 4, 20
        ).click().perform()
        self.assertAlmostEqual(self.position(), 15, delta=0.1)  # offsets count from the middle
        ActionChains(self.browser.driver).move_to_element(roll).click_and_hold().move_by_offset(
            -roll.size["width"] // 4, 0
        ).release().perform()
        self.assertAlmostEqual(self.position(), 5, delta=0.1)
        seek = self.browser.find("#seek")
        ActionChains(self.browser.driver).move_to_element(seek).click().perform()
        self.assertAlmostEqual(self.position(), 10, delta=0.2)
        start = self.position()
        self.press(Keys.ARROW_RIGHT)  # the slider has the focus
        self.assertAlmostEqual(self.position(), start + 5, delta=0.01)
        self.assertRegex(seek.get_attribute("aria-valuetext"), "0:1[45] of 0:20")
        self.press(Keys.HOME)
        self.assertEqual(self.position(), 0)
        ActionChains(self.browser.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
        self.assertAlmostEqual(self.position(), 1, delta=0.01)
        self.press(Keys.END)
        self.assertEqual(self.position(), 20)
        self.click("#play")
        self.wait_to_sound()
        self.assertEqual(self.started_from(), 0)  # from the end it starts again at the beginning
        ActionChains(self.browser.driver).move_to_element(seek).click().perform()
        self.wait_to_sound()
        self.assertAlmostEqual(self.started_from(), 10, delta=0.3)

    def test_keys(self):
        self.open()
        playing = lambda: self.js("return rondo.stage.player.playing")
        self.press(" ")
        self.assertTrue(playing())
        self.press(" ")
        self.assertFalse(playing())
        self.click("#next")
        self.assertIn("Seed 8", self.browser.find("#now-title").text)
        self.press(" ")  # the button was pressed by the pointer: space still plays
        self.assertTrue(playing())
        self.press("n")
        self.assertIn("Seed 9", self.browser.find("#now-title").text)
        self.assertTrue(playing())  # on to the next, still playing
        self.press("n", "p", "p", " ")
        self.assertIn("Seed 8", self.browser.find("#now-title").text)
        self.assertEqual(
            [r.get_attribute("aria-current") for r in self.browser.find_all("#outputs button.row")],
            ["false", "true", "false"],
        )
        scale = self.js("return rondo.stage.roll.scale")
        self.press("+")
        self.assertAlmostEqual(self.js("return rondo.stage.roll.scale"), 1.5 * scale, delta=1e-6)
        self.press("-")
        self.assertAlmostEqual(self.js("return rondo.stage.roll.scale"), scale, delta=1e-6)
        self.press("m", "l")
        self.assertEqual(
            [self.browser.find(b).get_attribute("aria-pressed") for b in ("#mute", "#loop")], ["true", "true"]
        )
        self.assertEqual(self.js("return rondo.stage.player.muted && rondo.stage.player.loop"), True)
        self.press("?")
        self.assertTrue(self.browser.find("#sheet").is_displayed())
        self.click("#keys-on")
        self.press(Keys.ESCAPE)
        self.assertFalse(self.browser.find("#sheet").is_displayed())
        self.press("m")
        self.assertEqual(self.browser.find("#mute").get_attribute("aria-pressed"), "true")  # single keys are off

    def test_wheel_zooms_about_the_pointer(self):
        self.open()
        before, after = self.js("""
            const [canvas, roll] = [document.getElementById('roll'), rondo.stage.roll];
            const box = canvas.getBoundingClientRect();
            const at = () => roll.view + 300 / roll.scale;
            roll.scrollTo(6);
            const before = [at(), roll.scale];
            canvas.dispatchEvent(new WheelEvent('wheel', { ctrlKey: true, deltaY: -100, clientX: box.left + 300, bubbles: true, cancelable: true }));
            return [before, [at(), roll.scale]];""")
        self.assertGreater(after[1], 1.2 * before[1])
        self.assertAlmostEqual(after[0], before[0], delta=0.01)

    def test_repeats_and_ends(self):
        short = {"notes": [[0.1, 0.5, 60, 80]], "pedal": [], "seconds": 1.0}
        self.open(data=web.samples(2, outputs=[{"seed": 1, "performance": short}, {"seed": 2, "performance": short}]))
        self.js("window.ends = 0; rondo.stage.player.addEventListener('end', () => ++ends)")
        self.click("#play")
        self.browser.until("return ends === 1")
        self.assertFalse(self.js("return rondo.stage.player.playing"))
        self.click("#loop")
        starts = self.js("return rondo.stage.player.starts")
        self.click("#play")
        self.browser.until(  # one for the click, then two each time that it comes to the end
            f"return rondo.stage.player.starts >= {starts + 3} && rondo.stage.player.playing"
        )
        self.assertEqual(self.js("return ends"), 1)

    def test_reduced_motion_turns_pages(self):
        for motion, still in (("reduce", True), ("no-preference", False)):
            self.open(motion=motion)
            self.js("rondo.stage.roll.zoom(6); rondo.stage.player.seek(10)")
            self.click("#play")
            self.wait_to_sound()
            self.browser.wait_js("await new Promise((r) => setTimeout(r, 300))")
            view = self.js("return rondo.stage.roll.view")
            if still:
                views = {
                    self.browser.wait_js("await new Promise((r) => setTimeout(r, 60)); return rondo.stage.roll.view")
                    for _ in range(5)
                }
                self.assertLessEqual(len(views), 2)  # a page may turn meanwhile
            else:
                self.browser.until(f"return rondo.stage.roll.view !== {view}")


class ForEverybody(PageTest):
    def test_everything_has_a_name(self):
        for page in ("samples", "report", "explore"):
            self.open(page)
            named = 0
            for node in self.browser.find_all("button, a, input, select, [role=img], [role=region], dialog"):
                if node.is_displayed():
                    self.assertTrue(node.accessible_name.strip(), node.get_attribute("outerHTML")[:120])
                    named += 1
            self.assertGreater(named, 15)
            self.assertEqual(self.browser.find("#status").get_attribute("aria-live"), "polite")
            self.assertEqual(
                self.js(
                    "const ids = [...document.querySelectorAll('[id]')].map((n) => n.id); return ids.length - new Set(ids).size"
                ),
                0,
            )

    def test_contrast(self):
        worst = """
            const parse = (text) => text.match(/[\\d.]+/g).map(Number);
            const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
              .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const faults = []; let seen = 0;
            for (const node of document.querySelectorAll('body *')) {
              if (!node.checkVisibility() || node.closest('script, :disabled, option') || ![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
              const style = getComputedStyle(node);
              const ink = parse(node.closest('svg') ? style.fill : style.color);
              if (ink[3] === 0) continue;
              let behind = node;
              while (behind && (parse(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
              const [a, b] = [light(ink), light(parse(getComputedStyle(behind ?? document.body).backgroundColor))];
              const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
              ++seen;
              if (ratio < 4.5) faults.push(`${ratio.toFixed(2)} ${node.outerHTML.slice(0, 90)}`);
            }
            return [seen, faults];"""
        for page in ("samples", "report", "explore"):
            for scheme in ("light", "dark"):
                self.open(page, scheme=scheme)
                seen, faults = self.js(worst)
                self.assertGreater(seen, 20)
                self.assertEqual(faults, [], (page, scheme))

    def test_light_and_dark_by_system_and_by_choice(self):
        back = lambda: self.js("return getComputedStyle(document.body).backgroundColor")
        self.open(scheme="light")
        light = back()
        self.open(scheme="dark")
        dark = back()
        self.assertNotEqual(light, dark)
        self.click("#theme")
        self.assertEqual(back(), light)
        self.click("#theme")
        self.assertEqual(back(), dark)
        self.click("#theme")
        self.assertIn("system", self.browser.find("#theme").accessible_name)

    def test_phone_width(self):
        long = "a" * 300
        data = web.samples(2, title=long, primer=long)
        data["outputs"][0].update(file=long)
        for page, data in (("samples", data), ("report", None), ("explore", None)):
            for width in (360, 768, 1100, 1920):
                self.open(page, data, width=width, height=780)
                self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), width, (page, width))
                outside = self.js(
                    """return [...document.querySelectorAll('button, input, select')].filter((n) => n.checkVisibility() && !n.closest('.wide, .visually-hidden'))
                    .map((n) => [n.id, n.getBoundingClientRect()]).filter(([, box]) => box.left < 0 || box.right > innerWidth).map(([id]) => id)"""
                )
                self.assertEqual(outside, [], (page, width))


class Report(PageTest):
    def test_curves_match_the_data(self):
        data = self.open("report")
        for by in ("step", "seconds"):
            self.click(f"input[name=x][value={by}]")
            xs = self.js(
                "return [...document.querySelectorAll('#loss .dot.valid')].map((d) => Number(d.getAttribute('cx')))"
            )
            wanted = [m[by] for m in data["metrics"]]
            for x, value in zip(xs, wanted):
                self.assertAlmostEqual(
                    (x - xs[0]) / (xs[-1] - xs[0]), (value - wanted[0]) / (wanted[-1] - wanted[0]), places=3
                )
            best = float(self.browser.find("#loss .best").get_attribute("cx"))
            self.assertAlmostEqual(best, xs[2], places=3)
        ys = self.js(
            "return [...document.querySelectorAll('#loss .dot.valid')].map((d) => Number(d.getAttribute('cy')))"
        )
        baselines = self.js(
            "return [...document.querySelectorAll('#loss line.baseline')].map((d) => Number(d.getAttribute('y1')))"
        )
        value_at = lambda y: 4.5 + (y - ys[0]) * (3.1 - 4.5) / (ys[2] - ys[0])
        for y, value in zip(sorted(baselines, reverse=True), sorted(data["baselines"].values())):
            self.assertAlmostEqual(value_at(y), value, places=3)
        names = self.js("return [...document.querySelectorAll('#loss text.name')].map((t) => t.textContent)")
        self.assertEqual(set(names), {*data["baselines"], "training", "validation"})

    def test_read_out_table_and_text(self):
        self.open("report")
        self.browser.find("#loss svg").click()
        self.press(Keys.HOME, Keys.ARROW_RIGHT)
        self.assertEqual(self.browser.find("#loss .readout").text, "step 200 · training 3.300 · validation 3.400")
        self.click("summary")
        rows = [
            [c.text for c in r.find_elements("css selector", "td")] for r in self.browser.find_all("#table tbody tr")
        ]
        self.assertEqual(rows[1][:3], ["200", "0:25", "409\u202f600"])
        self.assertIn("3.400", rows[1])
        self.assertIn("3.100 nats per token at step 300", self.browser.find("#summary").text)
        self.assertIn("trigram baseline (3.980)", self.browser.find("#summary").text)
        self.assertIn("64", self.browser.find("#settings").text)
        self.assertEqual(len(self.browser.find_all("#small figure")), 4)

    def test_each_evaluation_has_a_sample(self):
        data = self.open("report")
        rows = self.browser.find_all("#outputs button.row")
        self.assertEqual(len(rows), 4)
        rows[1].click()
        self.wait_to_sound()
        self.assertIn("Step 200", self.browser.find("#now-title").text)
        self.assertEqual(
            self.js("return rondo.stage.player.piece.notes[0].start"), data["samples"][1]["performance"]["notes"][0][0]
        )
        self.assertIn("validation 3.400", self.browser.find("#now-about").text)


class Explore(PageTest):
    def test_outputs_are_in_their_row_and_column(self):
        data = self.open("explore")
        rows = self.browser.find_all(".grid tbody tr:has(td)")
        self.assertEqual(len(rows), 4)
        found = [[td.text for td in row.find_elements("css selector", "td")] for row in rows]
        for i, output in enumerate(data["outputs"]):
            text = found[i // 4][i % 4]
            self.assertIn(f"{output['nll_per_token']:.2f} nats", text)
            self.assertIn(f"{output['notes_per_second']:.1f} n/s", text)
            self.assertIn(f"{round(100 * output['memorisation']['share'])}\u202f%", text)
        self.assertEqual(found[3][3], "pending")
        self.assertIn("1 pending", self.browser.find("#about").text)
        self.assertIn("3.100", self.browser.find("#models").text)

    def choose(self, id, text):
        from selenium.webdriver.support.ui import Select

        Select(self.browser.find(id)).select_by_visible_text(text)

    def shown(self):
        return self.js(
            "return rondo.shown.map((item) => [item.output.model, item.output.primer, item.output.temperature, item.output.nll_per_token])"
        )

    def test_filters_and_orders(self):
        data = self.open("explore")
        self.choose("#by-model", "small")
        self.choose("#by-temperature", "0.9")
        self.assertEqual(len(self.shown()), 4)
        self.assertTrue(all(model == "small" and t == 0.9 for model, _, t, _ in self.shown()))
        self.assertIn("4 outputs of 15", self.browser.find("#count").text)
        self.choose("#by-model", "all")
        self.choose("#by-temperature", "all")
        self.choose("#order", "most likely first")
        self.assertEqual([n for *_, n in self.shown()], sorted(c["nll_per_token"] for c in data["outputs"]))
        texts = [node.text for node in self.browser.find_all(".flow .nats")]
        self.assertEqual(texts, [f"{n:.2f} nats" for *_, n in self.shown()])

    def test_favourites_last(self):
        data = web.explore()
        self.open("explore", data)
        stars = self.browser.find_all(".star")
        stars[2].click()
        self.click("#starred")
        self.assertEqual(self.browser.find("#count").text, "1 output of 15")
        self.browser.driver.refresh()
        self.assertEqual([s.get_attribute("aria-pressed") for s in self.browser.find_all(".star")].index("true"), 2)
        self.js("localStorage.clear()")

    def test_it_works_without_storage(self):
        script = self.browser.cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            source="Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })",
        )
        try:
            self.open("explore")
            self.browser.find_all(".star")[0].click()
            self.assertEqual(self.browser.find_all(".star")[0].get_attribute("aria-pressed"), "true")
            self.click("#theme")
        finally:
            self.browser.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])

    def test_plays_on(self):
        self.open("explore")
        self.browser.find_all(".listen")[1].click()
        self.wait_to_sound()
        self.click("#play-on")
        self.js("rondo.stage.player.seek(5.8)")
        self.browser.until("return rondo.stage.item === rondo.shown[2] && rondo.stage.player.playing")
        self.assertEqual(self.browser.find(".cell.on .nats").text, f"{2 + (2 * 7 % 16) / 10:.2f} nats")


class KeepsToItself(PageTest):
    def test_the_policy_forbids_the_network(self):
        path = pathlib.Path(self.browser.write("samples", web.samples(1)))
        text = path.read_text(encoding="utf-8")
        self.assertIn("default-src 'none'", text)
        self.assertNotRegex(text, r"(src|href)=[\"']?(https?:)?//")
        self.open()
        blocked = self.browser.wait_js("""
            const seen = new Promise((resolve) => addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective)));
            fetch('https://example.invalid/').catch(() => {});
            return Promise.race([seen, new Promise((resolve) => setTimeout(() => resolve('nothing'), 60000))]);""")
        self.assertEqual(blocked, "connect-src")
        self.browser.drain()  # the refusal, which is what we wanted


if __name__ == "__main__":
    wanting = web.missing() or (None if numpy else "the Python package numpy")
    if wanting:
        print(f"page_test: skipped: {wanting} is not here")
        sys.exit(77)
    WRITER = sys.argv.pop(1)
    unittest.main(verbosity=2)
