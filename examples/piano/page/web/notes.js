// SPDX-License-Identifier: MIT
// Notes as coloured bars: the hue distinguishes primer and new notes, the intensity is the velocity.

const palette = {
  read() {
    const names = [
      "roll", "row", "line", "faint", "ink", "quiet", "primer", "fresh", "head", "pedal", "white-key", "black-key",
      "key-line"
    ];
    for (const name of names) this[name] = colour(`--${name}`);
    const shades = (hue) => Array.from({length: 16}, (_, i) => mix(this.roll, hue, 0.34 + (0.66 * i) / 15));
    this.shades = {primer: shades(this.primer), fresh: shades(this.fresh)};
  },
  /** The colour of a note by its velocity. */
  of(note) { return this.shades[note.primer ? "primer" : "fresh"][Math.min(15, note.velocity >> 3)]; },
  hue(note) { return note.primer ? this.primer : this.fresh; },
};
palette.read();
theme.listeners.push(() => palette.read());

const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);

/** The range of pitches that is drawn: that of the piece with a margin, at least three octaves. */
function pitchRange(piece) {
  if (!piece.notes.length) return {lowest: 48, highest: 84};
  let [lowest, highest] = [piece.lowest - 2, piece.highest + 2];
  const missing = 36 - (highest - lowest);
  if (missing > 0) [lowest, highest] = [lowest - Math.ceil(missing / 2), highest + Math.floor(missing / 2)];
  return {lowest: Math.max(0, lowest), highest: Math.min(127, highest)};
}

/** Draws the notes of [from, to) so that `from` is at x = 0 and pitches fill `height` from `top`. */
function drawNotes(context, piece, from, to, pixelsPerSecond, range, top, height) {
  const row = height / (range.highest - range.lowest + 1);
  const gap = row > 5 ? 1 : 0;
  const round = row > 6 ? Math.min(2.5, row / 4) : 0;
  for (const note of piece.between(from, to)) {
    const x = (note.start - from) * pixelsPerSecond;
    const width = Math.max(1.5, (note.end - note.start) * pixelsPerSecond - (pixelsPerSecond > 20 ? 0.75 : 0));
    const y = top + (range.highest - note.pitch) * row;
    context.fillStyle = palette.of(note);
    if (round && width > 4) {
      context.beginPath();
      context.roundRect(x, y + gap / 2, width, Math.max(1, row - gap), round);
      context.fill();
    } else {
      context.fillRect(x, y + gap / 2, width, Math.max(1.2, row - gap));
    }
  }
}
