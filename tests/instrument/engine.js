// SPDX-License-Identifier: MIT
// Node.js: the pages' network generates a piece from a packed model and prints it as JSON: {sampled, notes: [[start,
// end, pitch, velocity]], tokens_per_second}, the latter by processor time; or the error of a page's call.
// Usage: engine.js ENGINE.js MODEL SECONDS SEED
const fs = require("fs");
const [engine, model, seconds, seed] = process.argv.slice(2);

require(engine)().then((module) => {
  const bytes = fs.readFileSync(model);
  const checked = (result) => {
    if (result < 0) throw new Error(module.UTF8ToString(module._rondo_error()));
    return result;
  };
  const at = module._malloc(bytes.length);
  module.HEAPU8.set(bytes, at);
  checked(module._rondo_load(at, bytes.length));
  const numbers = module._malloc(8 * 10);
  module.HEAPF64.set([1, 0, 1, 0.02, Number(seed), 0, -1, 21, 108, 0], numbers / 8);
  checked(module._rondo_begin(numbers + 72, 1, 0, Number(seconds), numbers));  // without notes
  const start = process.cpuUsage();
  while (!checked(module._rondo_run(0.05)));
  const used = process.cpuUsage(start).user / 1e6;
  checked(module._rondo_result());
  const from = module._rondo_output() / 8;
  const output = [...module.HEAPF64.subarray(from, from + module._rondo_output_size())];
  const notes = Array.from({length: output[2]}, (_, i) => output.slice(3 + 5 * i, 7 + 5 * i));
  console.log(JSON.stringify({sampled: output[0], notes, tokens_per_second: output[0] / used}));
}).catch((error) => {
  console.error(`engine.js: ${error.message}`);
  process.exit(1);
});
