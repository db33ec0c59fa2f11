// SPDX-License-Identifier: MIT
// A performance for playback and drawing: notes in order of onset, each with the time at which its string is damped,
// and the spans of the pedal.

class Piece {
  /** `performance` as in the data: {notes: [[start, end, pitch, velocity, kept?]], pedal: [[time, 0 | 1]], seconds}. */
  constructor(performance, primerSeconds) {
    const rows = Array.isArray(performance?.notes) ? performance.notes : [];
    const flagged = rows.some((row) => row.length > 4);
    const split = isNumber(primerSeconds) ? primerSeconds - 0.0005 : 0;  // times are rounded to milliseconds
    this.notes = rows.filter(
                         (row) => Array.isArray(row) && row.slice(0, 4).every(isNumber) && row[1] > row[0] &&
                             row[2] >= 0 && row[2] < 128)
                     .map(
                         ([start, end, pitch, velocity, kept]) =>
                             ({start, end, pitch, velocity, primer: flagged ? kept === 1 : start < split, damped: end}))
                     .sort((a, b) => a.start - b.start || a.pitch - b.pitch);
    this.primerSeconds = isNumber(primerSeconds) && primerSeconds > 0 ? primerSeconds : 0;
    const lastEnd = this.notes.reduce((last, note) => Math.max(last, note.end), 0);
    this.seconds = Math.max(isNumber(performance?.seconds) ? performance.seconds : 0, lastEnd);
    this.pedal = Piece.spans(performance?.pedal, this.seconds);
    this.longest = this.notes.reduce((longest, note) => Math.max(longest, note.end - note.start), 0);
    this.lowest = this.notes.reduce((lowest, note) => Math.min(lowest, note.pitch), 127);
    this.highest = this.notes.reduce((highest, note) => Math.max(highest, note.pitch), 0);
    this.damp();
  }

  /** [[down, up]] from changes of the pedal. A pedal that stays down ends with the piece. */
  static spans(changes, end) {
    const spans = [];
    let down = null;
    for (const [time, on] of Array.isArray(changes) ? changes : []) {
      if (on && down === null) down = time;
      if (!on && down !== null) {
        if (time > down) spans.push([down, time]);
        down = null;
      }
    }
    if (down !== null && end > down) spans.push([down, end]);
    return spans;
  }

  // A string sounds until key and pedal are up, or until it is struck again.
  damp() {
    const next = new Array(128).fill(Infinity);
    for (let i = this.notes.length - 1; i >= 0; --i) {
      const note = this.notes[i];
      note.damped = Math.max(note.end, Math.min(this.pedalUp(note.end), next[note.pitch]));
      next[note.pitch] = note.start;
    }
  }

  /** The next time at which the pedal is up; `time` itself if it is up then. */
  pedalUp(time) {
    let [low, high] = [0, this.pedal.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.pedal[middle][1] <= time)
        low = middle + 1;
      else
        high = middle;
    }
    return low < this.pedal.length && this.pedal[low][0] <= time ? this.pedal[low][1] : time;
  }

  /** Index of the first note that starts at `time` or later. */
  firstFrom(time) {
    let [low, high] = [0, this.notes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.notes[middle].start < time)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  /** Notes that are held at some time in [from, to). */
  between(from, to) {
    const found = [];
    for (let i = this.firstFrom(from - this.longest); i < this.notes.length && this.notes[i].start < to; ++i)
      if (this.notes[i].end > from) found.push(this.notes[i]);
    return found;
  }

  at(time) { return this.between(time, time + 1e-9); }
}
