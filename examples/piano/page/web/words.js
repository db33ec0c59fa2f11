// SPDX-License-Identifier: MIT
// Formatting of numbers, times and memorisation results.

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const unknown = "–";

const fixed = (value, digits = 2) => (isNumber(value) ? value.toFixed(digits) : unknown);
const whole = (value) =>
    (isNumber(value) ? Math.round(value).toLocaleString("en-GB").replaceAll(",", "\u202f") : unknown);

/** 0:07, 12:30, 1:02:30 from seconds. */
function clock(seconds) {
  if (!isNumber(seconds)) return unknown;
  const all = Math.max(0, Math.floor(seconds + 1e-6));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return (h ? `${h}:${String(m).padStart(2, "0")}` : m) + ":" + String(s).padStart(2, "0");
}

/** A duration in words, for screen readers. */
function spokenClock(seconds) {
  const [m, s] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return m ? `${m} minute${m === 1 ? "" : "s"} ${s} seconds` : `${s} seconds`;
}

/** "12 %", "0.4 %" from a fraction. */
function percent(share) {
  if (!isNumber(share)) return unknown;
  const value = share * 100;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)}\u202f%`;
}

const noteNames = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
/** 60 is C4. */
const noteName = (pitch) => noteNames[pitch % 12] + (Math.floor(pitch / 12) - 1);

const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;

/** The file's name without its folder. */
const baseName = (path) => String(path ?? "").split(/[\\/]/).pop();

// The level of one memorisation result. `threshold` {longest_run, share} is the program's threshold of copying. Without
// it: three times the share of held-out excerpts, and at least a tenth of the notes.
function memorisationLevel(found, heldOutShare, threshold) {
  if (!isNumber(found?.share)) return "unknown";
  const usual = isNumber(heldOutShare) ? heldOutShare : 0.03;
  const most = isNumber(threshold?.share) ? threshold.share : Math.max(0.1, 3 * usual);
  const tooLong = isNumber(threshold?.longest_run) && found.longest_run > threshold.longest_run;
  if (found.share > most || tooLong) return "high";
  return found.share > Math.max(0.05, 1.5 * usual) ? "some" : "low";
}

/**
   {level, share, short, long} of a memorisation result, or of null. `held_out`: the same result of held-out pieces;
   `copy_thresholds`: the thresholds of copying; both may be missing.
 */
function memorisationWords(report, held_out, copy_thresholds) {
  if (!report) {
    const long = "Not compared with the training pieces.";
    return {level: "unknown", share: null, short: unknown, long};
  }
  const levels = ["unknown", "low", "some", "high"];
  const transposedHeldOut = held_out?.transposed?.share ?? held_out?.transposed_share ?? held_out?.share;
  const exact = memorisationLevel(report, held_out?.share, copy_thresholds);
  const transposed = memorisationLevel(report.transposed, transposedHeldOut, copy_thresholds?.transposed);
  const byTransposed = levels.indexOf(transposed) > levels.indexOf(exact);
  let level = byTransposed ? transposed : exact;
  if (report.copied === true) level = "high";  // the program's own result takes precedence
  if (report.copied === false && level === "high") level = "some";
  const found = byTransposed ? report.transposed : report;
  const heldOutShare = byTransposed ? transposedHeldOut : held_out?.share;

  const summary = {
    high: "Copies training pieces.",
    some: "Close to training pieces.",
    low: "Little overlap with training pieces.",
    unknown: ""
  }[level];
  const kind = byTransposed ? "transposed " : "";
  const against = isNumber(heldOutShare) ? `; held-out pieces: ${percent(heldOutShare)}` : "";
  let long = `${summary} ${percent(found.share)} of the new notes are in runs of 8 or more ${
      kind}from a training piece${against}.`;
  if (isNumber(found.longest_run) && found.longest_run > 0) {
    long += ` Longest run: ${plural(found.longest_run, "note")}`;
    if (found.piece) {
      const places = [];
      if (isNumber(found.bar)) places.push(`bar ${found.bar}`);
      if (isNumber(found.piece_seconds)) places.push(`at ${clock(found.piece_seconds)}`);
      if (isNumber(found.semitones) && found.semitones !== 0)
        places.push(`${plural(Math.abs(found.semitones), "semitone")} ${found.semitones > 0 ? "up" : "down"}`);
      long += ` of ${found.piece}${places.length ? ` (${places.join(", ")})` : ""}`;
    }
    long += ".";
  }
  return {level, share: found.share, short: percent(found.share), long: long.trim()};
}
