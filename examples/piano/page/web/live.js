// SPDX-License-Identifier: MIT
// Playing with the model. Keys sound at once and go to the worker; what the model plays in the next second waits in a
// queue, which the worker shortens when keys are played again. Modes:
//
//   answer      after a pause the model goes on with what was played, until the next key
//   accompany   the model plays below the player's notes while there are any
//   duet        as answer, for as long as the phrase before
//
// Times are seconds since the start, by the audio clock; the worker's are steps of 10 ms.

const ahead = 1;           // seconds that the model is ahead
const pauseAfterKeys = 0.5;  // seconds without a key before an answer
const longestTurn = 30;

class Live {
  constructor(stage, engine, settings) {
    Object.assign(this, {stage, engine, settings});
    this.on = false;
    this.delays = {key: [], answer: []};  // ms from a key to its sound, from the pause to the answer
    settings.addEventListener("change", () => this.configure());
  }

  get now() { return this.context.currentTime - this.origin; }
  get mode() { return this.settings.get("mode"); }

  async start() {
    const {player} = this.stage;
    player.pause();
    this.context ??= new AudioContext({sampleRate: toneRate, latencyHint: 0});
    this.synth ??= new Synth(this.context, player.tones);
    this.synth.output.gain.value = player.muted ? 0 : player.loudness ** 2;
    await Promise.all([this.context.resume(), player.tones.ready([48, 60, 72])]);
    this.hands = this.synth.stage();
    this.voices = this.synth.stage();
    this.origin = this.context.currentTime;
    this.down = new Map();   // note of each key of the player
    this.open = new Map();   // event of each key of the model that is down
    this.queue = [];         // all events of the model: {step, pitch, velocity, voice}
    this.played = [];        // notes of the player: {start, end, pitch, velocity}
    this.pedal = false;
    this.sustained = new Set();
    this.turn = null;        // of the model: {start, end}
    this.lastKey = this.lastOnset = -Infinity;
    this.phrase = null;      // start of the player's phrase
    this.highest = 108;
    this.tokens = 0;
    this.given = [{nats: 0, tokens: 0}];  // what the player has played, over time
    this.on = true;
    await this.engine.call("begin", {settings: this.numbers()});
    this.timer = setInterval(() => this.tick(), 50);
    this.draw = this.draw.bind(this);
    requestAnimationFrame(this.draw);
  }

  /** Ends the session; returns the performance. */
  stop() {
    clearInterval(this.timer);
    for (const pitch of [...this.down.keys()]) this.key(pitch, 0);
    this.on = false;
    this.synth.silence(this.hands);
    this.synth.silence(this.voices);
    this.stage.keyboard.show([]);
    return this.performance(this.now);
  }

  numbers() {
    this.seed ??= this.settings.nextSeed();
    return this.settings.numbers(this.seed, 21, this.mode === "accompany" ? this.highest : 108);
  }

  configure() {
    if (this.on) this.engine.call("set", {settings: this.numbers()}).catch((error) => this.stage.say(error.message));
  }

  /** A key of the player goes down, or up with velocity 0. `when`: performance.now() of the event. */
  key(pitch, velocity, when = performance.now()) {
    if (!this.on) return;
    const late = Math.min(0.05, Math.max(0, (performance.now() - when) / 1000));
    const time = Math.max(0, this.now - late);
    const events = [];
    const former = this.down.get(pitch);
    if (former) {
      this.down.delete(pitch);
      former.end = time;
      if (this.pedal)
        this.sustained.add(former);
      else
        this.release(former);
      if (!velocity) events.push({step: this.step(time), pitch, velocity: 0});
    }
    if (velocity) {
      const note = {start: time, end: null, pitch, velocity, voice: this.synth.strike(
          this.hands, pitch, velocity, this.context.currentTime, Infinity)};
      const latency = (this.context.baseLatency || 0) + (this.context.outputLatency || 0);
      this.delays.key.push(performance.now() - when + 1000 * latency);
      this.down.set(pitch, note);
      this.played.push(note);
      this.lastOnset = time;
      this.phrase ??= time;
      if (this.turn && this.mode !== "accompany") {
        events.push({step: this.step(time), turn: 0});
        this.turn = null;
        this.phrase = time;
      }
      events.push({step: this.step(time), pitch, velocity});
      this.keepBelow();
    }
    if (!events.length) return;
    this.lastKey = time;
    this.send(events);
  }

  /** The sustain pedal. */
  sustain(down) {
    if (!this.on || down === this.pedal) return;
    this.pedal = down;
    if (!down) {
      for (const note of this.sustained) this.release(note);
      this.sustained.clear();
    }
    this.send([{step: this.step(this.now), pedal: down ? 1 : 0}]);
  }

  release(note) {
    if (note.voice) this.synth.damp(note.voice, this.context.currentTime);
    note.end = Math.max(note.end, this.now, note.start + 0.03);
  }

  step(time) { return Math.round(100 * time); }

  // The highest note of an accompaniment: below what was played in the last seconds.
  keepBelow() {
    if (this.mode !== "accompany") return;
    const recent = this.played.filter((note) => note.start > this.now - 4).map((note) => note.pitch);
    const highest = Math.max(36, Math.min(62, ...recent.map((pitch) => pitch - 2)));
    if (highest === this.highest) return;
    this.highest = highest;
    this.configure();
  }

  tick() {
    const now = this.now, quiet = now - this.lastKey;
    if (!this.turn) {
      const pause = this.down.size ? now - this.lastOnset >= 3 * pauseAfterKeys : quiet >= pauseAfterKeys;
      const begins = this.mode === "accompany" ? this.played.length && now - this.lastOnset < 0.2 : pause;
      if (this.phrase !== null && begins) {
        const phrase = Math.min(12, Math.max(2, this.lastKey - this.phrase));
        this.turn = {start: now, end: now + (this.mode === "duet" ? phrase : longestTurn), answered: false};
        this.phrase = null;
        this.send(this.mode === "accompany" ? [] : [{step: this.step(now), turn: 1}]);
      }
    } else if (this.mode === "accompany" ? now - this.lastOnset > 5 : now >= this.turn.end) {
      this.turn = null;
      this.send([{step: this.step(now), turn: 0}]);
    } else if (!this.busy) {
      this.send([]);
    }
    if (Math.floor(2 * now) !== this.shown) {
      this.shown = Math.floor(2 * now);
      this.showLikelihood();
      this.onchange?.(this.performance(now));
    }
  }

  // Of the last 100 tokens that the player has played.
  showLikelihood() {
    const last = this.given.at(-1), first = this.given.findLast(({tokens}) => tokens <= last.tokens - 100) ?? this.given[0];
    const tokens = last.tokens - first.tokens;
    byId("live-likelihood").textContent =
        tokens ? `What I play: ${fixed((last.nats - first.nats) / tokens)} nats per token` : "";
  }

  async send(events) {
    const {turn} = this;
    this.busy = (this.busy ?? 0) + 1;
    try {
      const until = turn ? Math.min(this.step(this.now + ahead), this.step(turn.end)) : 0;
      const answer = await this.engine.call("live", {events, until});
      if (this.on) this.take(answer, turn);
    } catch (error) {
      this.stage.say(error.message);
    } finally {
      --this.busy;
    }
  }

  /** Replaces all events after the first `unchanged`. */
  take({unchanged, events, tokens, given}, turn) {
    this.tokens = tokens;
    if (given.tokens > this.given.at(-1).tokens) this.given.push(given);
    for (const event of this.queue.splice(unchanged).reverse()) {
      if (event.velocity) {
        if (event.voice) this.synth.drop(event.voice);
        this.open.delete(event.pitch);
      } else if (event.of) {
        if (event.of.voice) this.synth.undamp(event.of.voice);
        this.open.set(event.pitch, event.of);
      }
    }
    for (const [step, pitch, velocity] of events) {
      const event = {step, pitch, velocity};
      const when = Math.max(this.context.currentTime, this.origin + step / 100);
      if (velocity) {
        event.voice = this.synth.strike(this.voices, pitch, velocity, when, Infinity);
        this.open.set(pitch, event);
        if (turn && !turn.answered) {
          turn.answered = true;
          this.delays.answer.push(1000 * (when - this.origin - turn.start));
        }
      } else {
        event.of = this.open.get(pitch);
        if (event.of?.voice) this.synth.damp(event.of.voice, when);
        this.open.delete(pitch);
      }
      this.queue.push(event);
    }
  }

  /** All that was heard until `time`: notes of the player are marked as given. */
  performance(time) {
    const notes = this.played.map(({start, end, pitch, velocity}) => [start, end ?? time, pitch, velocity, 1]);
    const ends = new Map();
    for (const {step, pitch, velocity} of [...this.queue].reverse()) {
      const at = step / 100;
      if (velocity && at < time) notes.push([at, Math.min(time, ends.get(pitch) ?? time), pitch, velocity, 0]);
      ends.set(pitch, at);
    }
    return {notes: notes.filter(([start, end]) => end > start), pedal: [], seconds: time};
  }

  /** Shows the keys that are down. */
  draw() {
    if (!this.on) return;
    const step = 100 * this.now, lit = new Map();
    for (let i = this.queue.length - 1; i >= 0 && this.queue[i].step > step - 500; --i) {
      const {pitch, velocity, step: at} = this.queue[i];
      if (at <= step && !lit.has(pitch)) lit.set(pitch, velocity > 0);
    }
    const notes = [...lit].filter(([, on]) => on).map(([pitch]) => ({pitch, primer: false}));
    this.stage.keyboard.show([...[...this.down.keys()].map((pitch) => ({pitch, primer: true})), ...notes]);
    requestAnimationFrame(this.draw);
  }
}
