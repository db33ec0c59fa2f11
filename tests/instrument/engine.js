// SPDX-License-Identifier: MIT
// Node.js: the pages' network generates a piece from a packed model, fills a stretch of it, and prints both as JSON:
// {sampled, notes: [[start, end, pitch, velocity]], filled: [...], tokens_per_second, fill_seconds}, the latter two by
// processor time; or the error of a page's call. Usage: engine.js ENGINE.js MODEL SECONDS SEED FROM TO CANDIDATES
const fs = require("fs");
const [engine, model, ...numbersGiven] = process.argv.slice(2);
const [seconds, seed, begin, end, candidates] = numbersGiven.map(Number);

require(engine)().then((module) => {
  const bytes = fs.readFileSync(model);
  const checked = (result) => {
    if (result < 0) throw new Error(module.UTF8ToString(module._rondo_error()));
    return result;
  };
  const at = module._malloc(bytes.length);
  module.HEAPU8.set(bytes, at);
  checked(module._rondo_load(at, bytes.length));
  const copied = (values) => {
    const to = module._malloc(8 * values.length);
    module.HEAPF64.set(values, to / 8);
    return to;
  };
  const settings = copied([1, 0, 1, 0.02, seed, 0, -1, 21, 108, 0]);
  /** [sampled, notes, seconds of processor time] of what has begun. */
  const completed = () => {
    const start = process.cpuUsage();
    while (!checked(module._rondo_run(0.05)));
    const used = process.cpuUsage(start).user / 1e6;
    checked(module._rondo_result());
    const from = module._rondo_output() / 8;
    const output = [...module.HEAPF64.subarray(from, from + module._rondo_output_size())];
    return [output[0], Array.from({length: output[2]}, (_, i) => output.slice(3 + 5 * i, 7 + 5 * i)), used];
  };
  checked(module._rondo_begin(copied([0]), 1, 0, seconds, settings));
  const [sampled, notes, used] = completed();
  const music = [notes.length, ...notes.flat()];
  checked(module._rondo_fill(copied(music), music.length, begin, end, candidates, settings));
  const [, filled, fill_seconds] = completed();
  console.log(JSON.stringify({sampled, notes, filled, tokens_per_second: sampled / used, fill_seconds}));
}).catch((error) => {
  console.error(`engine.js: ${error.message}`);
  process.exit(1);
});
