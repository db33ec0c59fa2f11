// SPDX-License-Identifier: MIT
// The samples of one struck piano string. Its partials are sharper than harmonic because of the string's stiffness
// (B of a pitch: Rigaud, David and Daudet 2013). Higher partials decay faster. The decay has two stages, from two
// slightly detuned strings that decay at different rates and beat. Every third pitch is computed; a voice plays it up
// to a semitone higher or lower.

const tonePitches = Array.from({length: 30}, (_, i) => 21 + 3 * i);
const toneRate = 44100;

/** Samples of one pitch at `rate`, peak 1. Uses no other function, as its text is sent to a worker. */
function renderTone(pitch, rate) {
  const f0 = 440 * 2 ** ((pitch - 69) / 12);
  const stiffness = Math.exp(0.0926 * pitch - 13.64) + Math.exp(-0.0847 * pitch - 5.82);
  const seconds = Math.min(6.5, Math.max(1.4, 7.5 - 0.07 * (pitch - 30)));
  const samples = new Float32Array(Math.round(seconds * rate));
  const fundamentalLoss = 0.3 * Math.exp(0.055 * (pitch - 36));  // 1/s
  let state = 12345 + pitch;
  const noise = () => ((state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2147483648);

  // tuned by the audible partials, not by the first, as in the bass of a piano
  const tuned = Math.max(1, 6 - (pitch - 24) / 10);
  const stretch = (n) => n * Math.sqrt((1 + stiffness * n * n) / (1 + stiffness * tuned * tuned));
  for (let n = 1; n <= 48; ++n) {
    const f = f0 * stretch(n);
    if (f > 0.42 * rate || f > 13000) break;
    const struck = Math.abs(Math.sin(Math.PI * n * 0.121)) + 0.03;  // the hammer strikes at an eighth of the string
    const felt = 1 / (1 + (f / (2300 + 3 * f0)) ** 2);
    const board = (f * f) / (f * f + 75 * 75);  // the sound board radiates little below 75 Hz
    const level = (struck * felt * board) / n ** 0.7;
    if (level < 2e-4) continue;
    const loss = fundamentalLoss + 2.2e-7 * f * f + 0.05 * n;
    for (const [share, slower, cents] of [[0.72, 1, -0.28], [0.28, 0.28, 0.31]]) {
      // a rotating, shrinking phasor: two complex products per sample
      const angle = (2 * Math.PI * f * 2 ** (cents / 1200)) / rate;
      const shrink = Math.exp((-loss * slower) / rate);
      const [c, s] = [Math.cos(angle) * shrink, Math.sin(angle) * shrink];
      const phase = 2 * Math.PI * 0.37 * n * n;
      let [x, y] = [level * share * Math.cos(phase), level * share * Math.sin(phase)];
      const audible = Math.min(samples.length, Math.ceil((rate * Math.log((level * share) / 2e-5)) / (loss * slower)));
      for (let i = 0; i < audible; ++i) {
        samples[i] += y;
        const turned = x * c - y * s;
        y = x * s + y * c;
        x = turned;
      }
    }
  }

  let peak = 0;
  for (let i = 0; i < samples.length; ++i) peak = Math.max(peak, Math.abs(samples[i]));
  const rise = Math.round(rate * (0.0012 + 0.003 * Math.exp(-(pitch - 21) / 30)));
  const fall = Math.round(samples.length * 0.35);
  for (let i = 0; i < samples.length; ++i) {
    let value = samples[i] / peak;
    if (i < rise) value *= 0.5 - 0.5 * Math.cos((Math.PI * i) / rise);
    if (samples.length - i < fall) value *= ((samples.length - i) / fall) ** 2;
    samples[i] = value;
  }

  // the noise of felt and key: a short thud, the same for all pitches
  let thud = 0;
  const knock = 0.05 + 0.1 * Math.max(0, (pitch - 60) / 48);
  for (let i = 0; i < Math.min(samples.length, 0.06 * rate); ++i) {
    thud += (noise() - thud) * 0.09;
    samples[i] += knock * thud * Math.exp((-i / rate) * 90) * Math.min(1, i / (0.001 * rate));
  }
  return samples;
}

/** Renders the tones in a worker, requested ones first; without workers the page renders them itself. */
class Tones {
  constructor() {
    this.buffers = new Map();
    this.queue = [...tonePitches].sort((a, b) => Math.abs(a - 60) - Math.abs(b - 60));
    this.waiting = [];
    this.started = false;
  }

  start() {
    if (this.started) return;
    this.started = true;
    try {
      const text = `${renderTone}\nonmessage = (event) => {
        const samples = renderTone(event.data, ${toneRate});
        postMessage([event.data, samples], [samples.buffer]);
      };`;
      const url = URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
      this.worker = new Worker(url);
      this.worker.onmessage = (event) => this.keep(...event.data);
      this.worker.onerror = () => this.withoutWorker();
    } catch {
      this.worker = null;
    }
    this.next();
  }

  withoutWorker() {
    this.worker = null;
    this.queue = tonePitches.filter((pitch) => !this.buffers.has(pitch));
    this.next();
  }

  next() {
    if (!this.queue.length) return;
    const pitch = this.queue.shift();
    if (this.worker)
      this.worker.postMessage(pitch);
    else
      setTimeout(() => this.keep(pitch, renderTone(pitch, toneRate)), 4);
  }

  keep(pitch, samples) {
    const buffer = new AudioBuffer({length: samples.length, sampleRate: toneRate});
    buffer.copyToChannel(samples, 0);
    this.buffers.set(pitch, buffer);
    this.waiting = this.waiting.filter((wait) => {
      const done = wait.pitches.every((wanted) => this.buffers.has(wanted));
      if (done) wait.resolve();
      return !done;
    });
    this.next();
  }

  static near(pitch) { return Math.min(108, Math.max(21, 21 + 3 * Math.round((pitch - 21) / 3))); }

  /** Resolves once the tones of these pitches are rendered; they take precedence. */
  ready(pitches) {
    const wanted = [...new Set(pitches.map(Tones.near))];
    this.queue = [
      ...wanted.filter((pitch) => this.queue.includes(pitch)), ...this.queue.filter((pitch) => !wanted.includes(pitch))
    ];
    this.start();
    if (wanted.every((pitch) => this.buffers.has(pitch))) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({pitches: wanted, resolve}));
  }

  /** {buffer, rate} for `pitch`, from the nearest rendered tone; null if there is none yet. */
  of(pitch) {
    let best = null;
    for (const anchor of this.buffers.keys())
      if (best === null || Math.abs(anchor - pitch) < Math.abs(best - pitch)) best = anchor;
    return best === null ? null : {buffer: this.buffers.get(best), rate: 2 ** ((pitch - best) / 12)};
  }
}
