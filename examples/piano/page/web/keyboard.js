// SPDX-License-Identifier: MIT
// The 88 keys, or some octaves of them. Keys that are down have the colour of their note; pointers play them.

class Keyboard {
  constructor(canvas, player) {
    this.canvas = canvas;
    this.player = player;
    this.shown = "";
    this.range = {lowest: 21, highest: 108};
    this.touched = new Map();  // the pitch of each pointer
    /** Called when a pointer presses or releases a key. */
    this.onkey = (pitch, down) => {
      if (down) player.touch(pitch);
    };
    new ResizeObserver(() => this.resize()).observe(canvas);
    theme.listeners.push(() => this.draw([]));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.touch(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.touched.has(event.pointerId)) this.touch(event);
    });
    const up = (event) => this.lift(event);
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
  }

  /** Shows the keys from `lowest` to `highest`, which are white. */
  setRange(lowest, highest) {
    this.range = {lowest, highest};
    this.resize();
  }

  resize() {
    this.context = fitCanvas(this.canvas);
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.keys = [];
    const {lowest, highest} = this.range;
    const pitches = Array.from({length: highest - lowest + 1}, (_, i) => lowest + i);
    const step = this.width / pitches.filter((pitch) => !isBlack(pitch)).length;
    let white = 0;
    for (const pitch of pitches) {
      if (isBlack(pitch))
        this.keys.push({pitch, x: white * step - 0.3 * step, width: 0.6 * step, height: 0.62 * this.height});
      else
        this.keys.push({pitch, x: white++ * step, width: step, height: this.height});
    }
    this.keys.sort((a, b) => isBlack(a.pitch) - isBlack(b.pitch));  // black keys are drawn last
    this.shown = null;
    this.draw(this.player.playing ? this.player.piece.at(this.player.position) : []);
  }

  /** The highlighted pitches. */
  get lit() { return (this.shown ?? "").split(" ").filter(Boolean).map((key) => parseInt(key, 10)); }

  show(notes) {
    const key = notes.map((note) => note.pitch + (note.primer ? "p" : "n")).join(" ");
    if (key !== this.shown) this.draw(notes, key);
  }

  draw(notes, key = "") {
    if (!this.context) return;
    this.shown = key;
    const down = new Map(notes.map((note) => [note.pitch, note]));
    const {context} = this;
    context.fillStyle = palette["key-line"];
    context.fillRect(0, 0, this.width, this.height);
    for (const {pitch, x, width, height} of this.keys) {
      const black = isBlack(pitch);
      const note = down.get(pitch);
      const gap = width > 9 ? 1 : 0.5;
      if (black) {
        context.fillStyle = palette["key-line"];
        context.fillRect(x - gap, 0, width + 2 * gap, height + gap);
      }
      context.fillStyle = note ? palette.hue(note) : palette[black ? "black-key" : "white-key"];
      context.fillRect(black ? x : x + gap / 2, 0, black ? width : width - gap, height - (black ? 0 : 1));
      if (pitch === 60 && !note) {
        context.fillStyle = palette.quiet;
        context.beginPath();
        context.arc(x + width / 2, this.height - 7, Math.min(2, width / 5), 0, 7);
        context.fill();
      }
    }
  }

  touch(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const key = this.keys.findLast((k) => x >= k.x && x < k.x + k.width && y <= k.height);
    if (!key || key.pitch === this.touched.get(event.pointerId)) return;
    this.lift(event);
    this.touched.set(event.pointerId, key.pitch);
    this.onkey(key.pitch, true, event);
  }

  lift(event) {
    if (!this.touched.has(event.pointerId)) return;
    const pitch = this.touched.get(event.pointerId);
    this.touched.delete(event.pointerId);
    this.onkey(pitch, false, event);
  }
}
