// SPDX-License-Identifier: MIT
// The instrument: voices on any audio context, live or offline. A voice is a tone, a low-pass filter whose cut-off
// rises with velocity, and a gain that the damper closes. The sum passes through a compressor and a reverb made of noise.

class Synth {
  constructor(context, tones) {
    this.context = context;
    this.tones = tones;
    this.input = new GainNode(context, {gain: 0.32});
    this.output = new GainNode(context);
    const compressor =
        new DynamicsCompressorNode(context, {threshold: -16, knee: 14, ratio: 3, attack: 0.006, release: 0.2});
    const room = new ConvolverNode(context, {buffer: Synth.room(context.sampleRate)});
    const wet = new GainNode(context, {gain: 0.17});
    this.input.connect(compressor);
    this.input.connect(room).connect(wet).connect(compressor);
    compressor.connect(this.output).connect(context.destination);
  }

  /** The impulse response of a small hall: 1.5 s of decaying noise, the high frequencies faster. */
  static room(rate) {
    if (Synth.lastRoom?.sampleRate === rate) return Synth.lastRoom;
    const buffer = new AudioBuffer({length: Math.round(1.5 * rate), numberOfChannels: 2, sampleRate: rate});
    let state = 99;
    for (let side = 0; side < 2; ++side) {
      const samples = buffer.getChannelData(side);
      let smooth = 0;
      for (let i = 0; i < samples.length; ++i) {
        const t = i / rate;
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        smooth += (state / 2147483648 - smooth) * (0.08 + 0.5 * Math.exp(-t * 6));
        samples[i] = smooth * Math.exp(-t * 4.6) * Math.min(1, i / (0.012 * rate));
      }
    }
    return (Synth.lastRoom = buffer);
  }

  set volume(value) { this.output.gain.setTargetAtTime(value * value, this.context.currentTime, 0.015); }

  /** A group of voices that can be silenced as a whole; low pitches to the left, high pitches to the right. */
  stage() {
    const sum = new GainNode(this.context);
    sum.connect(this.input);
    const places = [-0.45, -0.27, -0.09, 0.09, 0.27, 0.45].map((pan) => {
      const place = new StereoPannerNode(this.context, {pan});
      place.connect(sum);
      return place;
    });
    return {sum, places, sources: new Set()};
  }

  /** Fades a group out and disconnects it. */
  silence(stage) {
    const now = this.context.currentTime;
    stage.sum.gain.setTargetAtTime(0, now, 0.02);
    for (const source of stage.sources) source.stop(now + 0.2);
    setTimeout(() => stage.sum.disconnect(), 400);
  }

  /**
   * Starts a note at `when` and damps it at `damped`, in context time; its first `into` seconds are skipped. Returns its
   * voice, or undefined if there is nothing to play. A note with `damped` = Infinity ends by damp(). A voice that has
   * ended may still be damped and dropped, without effect.
   */
  strike(stage, pitch, velocity, when, damped, into = 0) {
    const tone = this.tones.of(pitch);
    if (!tone || into * tone.rate >= tone.buffer.duration) return;
    const context = this.context;
    const force = Math.min(127, Math.max(1, velocity)) / 127;
    const source = new AudioBufferSourceNode(context, {buffer: tone.buffer, playbackRate: tone.rate});
    const f0 = 440 * 2 ** ((pitch - 69) / 12);
    const felt = new BiquadFilterNode(
        context, {type: "lowpass", Q: 0.3, frequency: Math.min(18000, f0 + 220 * 2 ** (5.2 * force))});
    const level = 0.04 + 0.96 * force ** 1.7;
    const gain = new GainNode(context, {gain: into > 0 ? 0 : level});
    if (into > 0) gain.gain.setTargetAtTime(level, when, 0.01);
    // a piano has no dampers above F6
    const release = pitch > 89 ? 0.5 : 0.05 + 0.07 * Math.max(0, (60 - pitch) / 39);
    source.connect(felt).connect(gain).connect(stage.places[Math.min(5, Math.max(0, Math.floor((pitch - 21) / 15)))]);
    source.start(when, into * tone.rate);
    stage.sources.add(source);
    const voice = {source, gain, release, when};
    source.onended = () => {
      stage.sources.delete(source);
      gain.disconnect();
      voice.source = voice.gain = null;  // whoever keeps the voice does not keep its nodes
    };
    if (damped < Infinity) this.damp(voice, damped);
    return voice;
  }

  /** Damps a voice at `time`. */
  damp({source, gain, release, when}, time) {
    if (!source) return;
    gain.gain.setTargetAtTime(0, Math.max(time, when + 0.03), release);
    source.stop(Math.max(time, when) + 7 * release);
  }

  /** Takes back what damp() has scheduled for later. */
  undamp({source, gain}) {
    if (!source) return;
    gain.gain.cancelScheduledValues(this.context.currentTime);
    source.stop(this.context.currentTime + 10);  // longer than any tone
  }

  /** Takes a voice back that has not begun, or damps it. */
  drop(voice) {
    if (voice.when > this.context.currentTime)
      voice.source?.stop();
    else
      this.damp(voice, this.context.currentTime);
  }
}
