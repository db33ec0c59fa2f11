// SPDX-License-Identifier: MIT
// The piano roll: time to the right, pitch upwards, the pedal in a lane below, a scale in seconds at the bottom. The
// static parts are drawn once into tiles; a frame copies the visible tiles and adds the play head and the active notes.

const tileWidth = 512;  // CSS pixels
const footHeight = 18;
const pedalHeight = 12;

class Roll {
  constructor(canvas, player) {
    this.canvas = canvas;
    this.player = player;
    this.tiles = new Map();
    this.view = 0;    // seconds at the left edge
    this.scale = 60;  // CSS pixels per second
    this.following = true;
    this.mark = null;      // the marked stretch: {from, to} in seconds
    this.marking = false;  // whether dragging marks; with the shift key it always does
    this.onmark = null;    // called when the mark changes; without it nothing can be marked
    this.onview = () => {};
    new ResizeObserver(() => this.resize()).observe(canvas);
    theme.listeners.push(() => this.forget());
    this.listen();
  }

  load(piece) {
    this.piece = piece;
    this.range = pitchRange(piece);
    this.view = 0;
    this.following = true;
    this.setMark(null);
    this.canvas.setAttribute("aria-label", this.words());
    this.resize();
    this.setScale(this.width / Math.min(Math.max(this.seconds, 4), Math.max(8, this.width / 55)));
  }

  /** A longer version of the piece, at the same scale. */
  grow(piece) {
    this.piece = piece;
    this.range = pitchRange(piece);
    this.following = true;
    this.forget();
  }

  words() {
    const {notes, seconds, primerSeconds} = this.piece;
    if (!notes.length) return "Piano roll: no notes";
    const fresh = notes.filter((note) => !note.primer).length;
    const split = fresh < notes.length ? `, ${notes.length - fresh} of them given by the primer` : "";
    const primer = primerSeconds ? `; new music from ${spokenClock(primerSeconds)} on` : "";
    return `Piano roll: ${plural(notes.length, "note")}${split}, from ${noteName(this.piece.lowest)} to ` +
        `${noteName(this.piece.highest)}, ${spokenClock(seconds)} long${primer}`;
  }

  get seconds() { return this.piece.seconds; }
  get visible() { return this.width / this.scale; }
  get notesHeight() { return this.height - footHeight - (this.piece.pedal.length ? pedalHeight + 4 : 0); }

  resize() {
    if (!this.piece) return;
    this.context = fitCanvas(this.canvas);
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.forget();
  }

  forget() {
    this.tiles.clear();
    if (this.piece && this.context) this.draw();
  }

  clampView(view) { return Math.min(Math.max(0, this.seconds - this.visible), Math.max(0, view)); }

  /** Changes the scale and keeps the time at x in place. */
  setScale(scale, x = (this.player.position - this.view) * this.scale) {
    const least = Math.min(60, this.width / Math.max(1, this.seconds));
    const still = this.view + x / this.scale;
    this.scale = Math.min(480, Math.max(least, scale));
    this.view = this.clampView(still - x / this.scale);
    this.forget();
  }

  zoom(factor, x) {
    const inSight = this.player.position >= this.view && this.player.position <= this.view + this.visible;
    this.setScale(this.scale * factor, x ?? (inSight ? undefined : this.width / 2));
  }

  /** Marks a stretch, {from, to} in either order, or nothing. */
  setMark(mark) {
    const within = (time) => Math.min(this.seconds, Math.max(0, time));
    const [from, to] = mark ? [mark.from, mark.to].map(within).sort((a, b) => a - b) : [0, 0];
    this.mark = to > from ? {from, to} : null;
    if (this.context) this.draw();
    this.onmark?.(this.mark);
  }

  /** Scrolls; the play head may leave the view. */
  scrollTo(view) {
    this.following = false;
    this.view = this.clampView(view);
    this.draw();
  }

  follow(position) {
    if (!this.following) return;
    const into = position - this.view;
    if (reducedMotion.matches || !this.player.playing) {  // a page at a time
      if (into < 0 || into > 0.95 * this.visible) this.view = this.clampView(position - 0.08 * this.visible);
    } else {
      this.view = this.clampView(position - 0.32 * this.visible);
    }
  }

  tile(index) {
    let tile = this.tiles.get(index);
    if (tile) return tile;
    const ratio = window.devicePixelRatio || 1;
    tile = document.createElement("canvas");
    tile.width = Math.round(tileWidth * ratio);
    tile.height = this.canvas.height;
    const context = tile.getContext("2d", {alpha: false});
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paintTile(context, (index * tileWidth) / this.scale);
    if (this.tiles.size >= 12) this.tiles.delete(this.tiles.keys().next().value);
    this.tiles.set(index, tile);
    return tile;
  }

  paintTile(context, from) {
    const to = from + tileWidth / this.scale;
    const {lowest, highest} = this.range;
    const height = this.notesHeight;
    const row = height / (highest - lowest + 1);
    context.fillStyle = palette.roll;
    context.fillRect(0, 0, tileWidth, this.height);
    context.fillStyle = palette.row;
    for (let pitch = lowest; pitch <= highest; ++pitch)
      if (isBlack(pitch)) context.fillRect(0, (highest - pitch) * row, tileWidth, row);
    context.fillStyle = palette.line;
    for (let pitch = lowest; pitch <= highest; ++pitch)
      if (pitch % 12 === 0) context.fillRect(0, (highest - pitch + 1) * row - 0.5, tileWidth, 1);

    const step = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 120].find((seconds) => seconds * this.scale >= 54) ?? 300;
    context.font = "11px " + getComputedStyle(this.canvas).fontFamily;
    context.textBaseline = "middle";
    for (let i = Math.max(0, Math.floor(from / step)); i * step <= to; ++i) {
      const x = (i * step - from) * this.scale;
      context.fillStyle = palette.line;
      context.fillRect(Math.round(x), 0, 1, this.height);
      context.fillStyle = palette.quiet;
      const part = (i * step) % 1;
      context.fillText(
          clock(i * step) + (part ? part.toFixed(2).slice(1) : ""), Math.round(x) + 4, this.height - footHeight / 2);
    }

    const split = (this.piece.primerSeconds - from) * this.scale;
    if (this.piece.primerSeconds && split >= -1 && split < tileWidth) {
      context.fillStyle = palette.fresh;
      for (let y = 0; y < height; y += 6) context.fillRect(Math.round(split), y, 1, 3);
    }

    drawNotes(context, this.piece, from, to, this.scale, this.range, 0, height);

    if (this.piece.pedal.length) {
      context.fillStyle = palette.pedal;
      for (const [down, up] of this.piece.pedal) {
        if (up < from || down > to) continue;
        const x = (down - from) * this.scale;
        context.fillRect(x, height + 2 + pedalHeight / 2 - 2, Math.max(1, (up - down) * this.scale - 1), 4);
      }
    }
  }

  draw() {
    const {context, player, piece} = this;
    const position = player.position;
    this.follow(position);
    const first = Math.floor((this.view * this.scale) / tileWidth);
    const last = Math.floor(((this.view + this.visible) * this.scale) / tileWidth);
    const ratio = window.devicePixelRatio || 1;
    const snap = (x) => Math.round(x * ratio) / ratio;
    for (let i = first; i <= last; ++i)
      context.drawImage(this.tile(i), snap(i * tileWidth - this.view * this.scale), 0, tileWidth, this.height);

    if (this.mark) {
      const [from, to] = [this.mark.from, this.mark.to].map((time) => snap((time - this.view) * this.scale));
      context.fillStyle = palette.fresh;
      context.globalAlpha = 0.16;
      context.fillRect(from, 0, to - from, this.height);
      context.globalAlpha = 1;
      for (const x of [from, to]) context.fillRect(x - 0.75, 0, 1.5, this.height);
    }

    const {lowest, highest} = this.range;
    const row = this.notesHeight / (highest - lowest + 1);
    const head = (position - this.view) * this.scale;
    if (player.playing) {
      for (const note of piece.at(position)) {
        const x = (note.start - this.view) * this.scale;
        const [y, width] = [(highest - note.pitch) * row, Math.max(3, (note.end - this.view) * this.scale - x)];
        context.fillStyle = palette.head;
        context.fillRect(x - 1, y - 1, width + 2, Math.max(2, row) + 2);
        context.fillStyle = palette.hue(note);
        context.fillRect(x, y, width, Math.max(2, row));
      }
    }

    if (row > 2.4) {
      context.font = "11px " + (this.font ??= getComputedStyle(this.canvas).fontFamily);
      context.textBaseline = "bottom";
      for (let pitch = lowest + 1; pitch <= highest; ++pitch)
        if (pitch % 12 === 0) this.label(noteName(pitch), (highest - pitch + 1) * row - 1);
    }
    if (piece.pedal.length) {
      context.font = "italic 11px " + (this.font ??= getComputedStyle(this.canvas).fontFamily);
      context.textBaseline = "middle";
      this.label("Ped.", this.notesHeight + 2 + pedalHeight / 2);
    }

    context.fillStyle = palette.head;
    context.fillRect(snap(head) - 0.75, 0, 1.5, this.height - footHeight + 4);
    this.onview(this.view, this.visible);
  }

  // At the left edge, on a background of its own.
  label(text, y) {
    this.context.lineWidth = 3;
    this.context.strokeStyle = palette.roll;
    this.context.strokeText(text, 4, y);
    this.context.fillStyle = palette.quiet;
    this.context.fillText(text, 4, y);
  }

  timeAt(event) { return this.view + (event.clientX - this.canvas.getBoundingClientRect().left) / this.scale; }

  listen() {
    const pointers = new Map();
    let apart = 0, markFrom = null;
    const distance = () => {
      const [a, b] = [...pointers.values()];
      return Math.max(10, Math.abs(a.clientX - b.clientX));
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event);
      const marks = this.onmark && (this.marking || event.shiftKey) && pointers.size === 1;
      markFrom = marks ? this.timeAt(event) : null;
      if (pointers.size === 2)
        apart = distance();
      else if (!marks)
        this.scrub(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      pointers.set(event.pointerId, event);
      if (pointers.size === 1 && markFrom !== null) {
        this.setMark({from: markFrom, to: this.timeAt(event)});
      } else if (pointers.size === 1) {
        this.scrub(event);
      } else if (pointers.size === 2) {
        const [a, b] = [...pointers.values()];
        this.zoom(distance() / apart, (a.clientX + b.clientX) / 2 - this.canvas.getBoundingClientRect().left);
        apart = distance();
      }
    });
    const up = (event) => pointers.delete(event.pointerId);
    this.canvas.addEventListener("pointerup", up);
    this.canvas.addEventListener("pointercancel", up);
    this.canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * 0.005), event.clientX - this.canvas.getBoundingClientRect().left);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        this.scrollTo(this.view + (event.deltaX || event.deltaY) / this.scale);
      }
    }, {passive: false});
  }

  scrub(event) {
    const time = this.timeAt(event);
    if (this.clampView(time) !== this.clampView(this.view)) this.following = this.player.playing;
    this.player.seek(time);
  }
}
