// SPDX-License-Identifier: MIT
// A performance as a sound file: the instrument on an offline context, its samples as 16-bit WAV.

/** An AudioBuffer of [from, to) of the piece, rendered offline. */
async function renderPiece(piece, tones, from = 0, to = piece.seconds + 2) {
  await tones.ready(piece.notes.map((note) => note.pitch));
  const context = new OfflineAudioContext(2, Math.ceil((to - from) * toneRate), toneRate);
  const synth = new Synth(context, tones);
  const stage = synth.stage();
  for (const note of piece.notes) {
    if (note.damped <= from || note.start >= to) continue;
    const into = Math.max(0, from - note.start);
    synth.strike(stage, note.pitch, note.velocity, note.start + into - from, note.damped - from, into);
  }
  return context.startRendering();
}

function wavOf(buffer) {
  const [channels, frames] = [buffer.numberOfChannels, buffer.length];
  const bytes = new DataView(new ArrayBuffer(44 + 2 * channels * frames));
  const text = (at, letters) => [...letters].forEach((letter, i) => bytes.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, bytes.byteLength - 8, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);  // bytes of this chunk
  bytes.setUint16(20, 1, true);   // PCM
  bytes.setUint16(22, channels, true);
  bytes.setUint32(24, buffer.sampleRate, true);
  bytes.setUint32(28, buffer.sampleRate * channels * 2, true);
  bytes.setUint16(32, channels * 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, bytes.byteLength - 44, true);
  const sides = Array.from({length: channels}, (_, i) => buffer.getChannelData(i));
  for (let i = 0, at = 44; i < frames; ++i)
    for (const side of sides) {
      bytes.setInt16(at, Math.round(32767 * Math.min(1, Math.max(-1, side[i]))), true);
      at += 2;
    }
  return new Blob([bytes], {type: "audio/wav"});
}
