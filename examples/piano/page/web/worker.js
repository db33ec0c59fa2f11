// SPDX-License-Identifier: MIT
// The network's side of the page, in a worker. A message {id, act, ...} is answered by {id, ...} or {id, error}; `train`
// also by {id, more: true, ...} while it goes on.
//
//   load      {model: bytes, adaptation}          → {conditions: {density, key}}; adaptation: {window, learning_rate,
//             pull} or null
//   compose   {music, from, seconds, settings}    → {performance, sampled, nats}
//   fill      {music, from, to, candidates, settings}  → the same
//   midi      {music, title}                      → {bytes}
//   begin     {settings}                          begins to play live; later settings by `set`
//   set       {settings}
//   live      {events, until}                     → {unchanged, events, tokens, given: {nats, tokens}}; events of the
//             player: {step, pitch, velocity}, {step, pedal}, {step, turn}; of the model: [step, pitch, velocity], after
//             the `unchanged` first; given: what the player has played
//   train     {files: [{name, bytes}], seconds}   → {notes, problems} first, then {nll, done, tokens}
//   use       {}                                  plays with the trained model → {conditions}
//
// music: {notes: [[start, end, pitch, velocity]], pedal: [[time, 0 | 1]]} in seconds; step: 10 ms; settings: the numbers
// of examples/piano/instrument/api.cpp.

fetch = undefined;  // createEngine() would fetch its own bytes, which the page's security policy forbids
let engine;
const ready = createEngine().then((module) => {
  engine = module;
});

/** Calls a function of the engine. Texts and arrays are copied to its memory. */
function call(name, ...values) {
  const copies = [];
  const pass = (value) => {
    if (typeof value === "number") return value;
    const bytes = typeof value === "string" ? new TextEncoder().encode(value + "\0") :
        value instanceof Uint8Array         ? value :
                                              new Uint8Array(Float64Array.from(value).buffer);
    const at = engine._malloc(Math.max(8, bytes.length));
    engine.HEAPU8.set(bytes, at);
    copies.push(at);
    return at;
  };
  const result = engine["_rondo_" + name](...values.map(pass));
  for (const at of copies) engine._free(at);
  if (result < 0) throw new Error(engine.UTF8ToString(engine._rondo_error()));
  return result;
}

function output() {
  const from = engine._rondo_output() / 8;
  return [...engine.HEAPF64.subarray(from, from + engine._rondo_output_size())];
}

const numbersOf = ({notes, pedal}) => [notes.length, ...notes.flatMap((row) => row.slice(0, 4)), ...pedal.flat()];
/** Rows of `width` numbers. */
const rowsOf = (numbers, width) =>
    Array.from({length: Math.floor(numbers.length / width)}, (_, i) => numbers.slice(width * i, width * (i + 1)));
const conditionsOf = (flags) => ({conditions: {density: (flags & 1) > 0, key: (flags & 2) > 0}});
const pause = () => new Promise((resume) => setTimeout(resume));  // other messages first
const jobs = {compose: 0, train: 0};  // a later request ends an earlier one

/** After a pause, throws if this is no longer the last request of its kind. */
async function goOn(kind, job) {
  await pause();
  if (job !== jobs[kind]) throw new Error("replaced by another request");
}

/** The piece that has begun. */
async function complete() {
  const job = ++jobs.compose;
  while (!call("run", 0.1)) await goOn("compose", job);
  call("result");
  const [sampled, nats, count, ...rest] = output();
  const performance = {notes: rowsOf(rest.slice(0, 5 * count), 5), pedal: rowsOf(rest.slice(5 * count), 2)};
  return {sampled, nats, performance};
}

const acts = {
  load({model, adaptation}) {
    const conditions = conditionsOf(call("load", new Uint8Array(model), model.byteLength));
    if (adaptation) call("adaptation", adaptation.window, adaptation.learning_rate, adaptation.pull);
    return conditions;
  },

  compose({music, from, seconds, settings}) {
    const numbers = numbersOf(music);
    call("begin", numbers, numbers.length, from, seconds, settings);
    return complete();
  },

  fill({music, from, to, candidates, settings}) {
    const numbers = numbersOf(music);
    call("fill", numbers, numbers.length, from, to, candidates, settings);
    return complete();
  },

  midi({music, title}) {
    const numbers = numbersOf(music);
    const size = call("midi", numbers, numbers.length, title), at = engine._rondo_output_bytes();
    return {bytes: engine.HEAPU8.slice(at, at + size)};
  },

  begin({settings}) { call("live_begin", settings); },
  set({settings}) { call("live_set", settings); },

  live({events, until}) {
    for (const event of events)
      if ("turn" in event)
        call("live_turn", event.step, event.turn);
      else if ("pedal" in event)
        call("live_pedal", event.step, event.pedal);
      else
        call("live_key", event.step, event.pitch, event.velocity);
    call("live_generate", until, 400);
    const [tokens, nats, given, unchanged, ...rest] = output();
    return {tokens, unchanged, events: rowsOf(rest, 3), given: {nats, tokens: given}};
  },

  async train({files, seconds}, more) {
    const job = ++jobs.train, problems = [];
    let notes = 0;
    call("train_begin", seconds, 1);
    for (const {name, bytes} of files)
      try {
        notes += call("train_add", new Uint8Array(bytes), bytes.byteLength, name);
      } catch (error) {
        problems.push(error.message);
      }
    if (!notes) throw new Error(problems.join("; ") || "no MIDI files");
    more({notes, problems});
    for (;;) {
      call("train_step");
      const [nll, done, tokens] = output();
      if (done >= 1) return {nll, done, tokens};
      more({nll, done, tokens});
      await goOn("train", job);
    }
  },

  use: () => conditionsOf(call("train_use")),
};

onmessage = async ({data: {id, act, ...request}}) => {
  try {
    await ready;
    postMessage({id, ...await acts[act](request, (report) => postMessage({id, more: true, ...report}))});
  } catch (error) {
    postMessage({id, error: error.message ?? String(error)});
  }
};
