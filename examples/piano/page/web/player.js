// SPDX-License-Identifier: MIT
// Playback: the position in the piece, and the scheduling of notes on the audio clock. Notes are scheduled early, so
// that a busy or hidden page does not stutter.

class Player extends EventTarget {
  constructor() {
    super();
    this.tones = new Tones();
    this.piece = new Piece(null);
    this.playing = false;
    this.loop = false;
    this.rate = 1;
    this.loudness = 0.8;
    this.muted = false;
    this.anchor = 0;  // position when the clock showed `since`
    this.since = 0;
    this.starts = 0;  // counts calls of play(), to ignore one that was superseded while it waited
  }

  get position() {
    if (!this.playing || !this.since) return this.anchor;
    const audible = this.context.currentTime - (this.context.outputLatency || 0);
    return Math.min(this.piece.seconds, this.anchor + Math.max(0, audible - this.since) * this.rate);
  }

  emit(name) { this.dispatchEvent(new Event(name)); }

  load(piece) {
    this.halt();
    this.playing = false;
    this.piece = piece;
    this.anchor = 0;
    this.emit("load");
  }

  // Browsers allow sound only after a user gesture: before it there is no context.
  open() {
    if (this.context) return;
    this.context = new AudioContext({sampleRate: toneRate, latencyHint: "playback"});
    this.synth = new Synth(this.context, this.tones);
    this.synth.output.gain.value = this.muted ? 0 : this.loudness ** 2;
  }

  async play() {
    if (this.playing || !this.piece.notes.length) return;
    if (this.anchor >= this.piece.seconds - 0.05) this.anchor = 0;
    this.open();
    this.playing = true;
    this.since = 0;
    const start = ++this.starts;
    this.emit("change");
    const soon = this.piece.between(this.anchor, this.anchor + 3 * this.rate).map((note) => note.pitch);
    await Promise.all([this.context.resume(), this.tones.ready(soon)]);
    if (start !== this.starts || !this.playing) return;
    this.begin();
    this.tones.ready(this.piece.notes.map((note) => note.pitch));
  }

  begin() {
    this.since = this.context.currentTime + 0.06;
    this.voices = this.synth.stage();
    this.next = this.piece.firstFrom(this.anchor);
    for (let i = 0; i < this.next; ++i)
      if (this.piece.notes[i].damped > this.anchor + 0.02) this.schedule(this.piece.notes[i]);
    this.feed();
    this.timer = setInterval(() => this.feed(), 100);
  }

  schedule(note) {
    const at = (time) => this.since + (time - this.anchor) / this.rate;
    const into = Math.max(0, this.anchor - note.start);
    this.synth.strike(this.voices, note.pitch, note.velocity, at(note.start + into), at(note.damped), into);
  }

  feed() {
    const ahead = document.hidden ? 3 : 1;  // seconds; timers of a hidden page fire once per second
    const elapsed = this.context.currentTime - this.since;
    const until = this.anchor + (elapsed + ahead) * this.rate;
    const notes = this.piece.notes;
    for (; this.next < notes.length && notes[this.next].start < until; ++this.next) this.schedule(notes[this.next]);
    if (this.anchor + elapsed * this.rate >= this.piece.seconds + 0.6 * this.rate) this.end();
  }

  end() {
    this.halt();
    this.playing = false;
    if (this.loop) {
      this.anchor = 0;
      this.play();
      return;
    }
    this.anchor = this.piece.seconds;
    this.emit("change");
    this.emit("end");
  }

  halt() {
    clearInterval(this.timer);
    ++this.starts;
    if (this.voices) this.synth.silence(this.voices);
    this.voices = null;
  }

  pause() {
    if (!this.playing) return;
    this.anchor = this.position;
    this.halt();
    this.playing = false;
    this.emit("change");
  }

  toggle() {
    if (this.playing)
      this.pause();
    else
      this.play();
  }

  // Continues after `change` has set another position or rate.
  restart(change) {
    const was = this.playing;
    this.anchor = this.position;
    this.halt();
    this.playing = false;
    change();
    if (was)
      this.play();
    else
      this.emit("change");
  }

  seek(seconds) {
    this.restart(() => {
      this.anchor = Math.min(this.piece.seconds, Math.max(0, seconds));
    });
    this.emit("seek");
  }

  set speed(rate) {
    this.restart(() => {
      this.rate = rate;
    });
  }

  setVolume(loudness, muted) {
    this.loudness = loudness;
    this.muted = muted;
    if (this.synth) this.synth.volume = muted ? 0 : loudness;
    this.emit("change");
  }

  /** Plays one note, from the keyboard. */
  async touch(pitch) {
    this.open();
    await Promise.all([this.context.resume(), this.tones.ready([pitch])]);
    const now = this.context.currentTime + 0.01;
    this.synth.strike(this.hand ??= this.synth.stage(), pitch, 80, now, now + 0.5);
  }
}
