// SPDX-License-Identifier: MIT
// The page of `piano sample`. Its data: {title, checkpoint, mode, primer, sampling, conditions: {notes_per_second,
// key}, held_out: {share, longest_run, transposed: {share}} | null, copy_thresholds: {longest_run, share, transposed} |
// null, adaptation_settings: {window, learning_rate, pull}, outputs: [{file, seed, temperature, notes, seconds, primer_seconds, nll_per_token, notes_per_second, polyphony,
// overlap_area, memorisation, performance: {notes, pedal, seconds}}]}.

function outputRow(stage, item, output, words) {
  const facts = [
    ["Likelihood", isNumber(output.nll_per_token) ? `${fixed(output.nll_per_token, 3)} nats per token` : unknown],
    ["Notes", whole(output.notes ?? item.piece.notes.length)],
    ["Length", clock(output.seconds ?? item.piece.seconds)],
  ];
  if (isNumber(output.notes_per_second)) facts.push(["Notes per second", fixed(output.notes_per_second, 1)]);
  if (isNumber(output.polyphony)) facts.push(["Polyphony", fixed(output.polyphony, 1)]);
  if (isNumber(output.overlap_area)) facts.push(["Style similarity", fixed(output.overlap_area)]);
  const button = element(
      "button.row", {type: "button", onclick: () => stage.choose(item)}, element("span.name", {}, item.title),
      thumbnails.of(item.piece));
  return element(
      "li", {}, button,
      element(
          "dl.facts", {},
          facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
      element("p.memory", {"data-level": words.level}, words.long),
      output.file ?
          element(
              "a.file",
              {
                href: item.href ?? output.file.split("/").map(encodeURIComponent).join("/"),
                download: baseName(output.file)
              },
              output.file) :
          null);
}

function showSamples(data) {
  const title = data.title || "Samples";
  byId("title").textContent = title;
  const outputs = Array.isArray(data.outputs) ? data.outputs : [];
  const modes = {continue: "continues", vary: "variations of", free: "without a primer"};
  const hidden = {
    temperature: data.sampling?.temperature,
    top_k: 0,
    top_p: 1,
    min_p: 0
  };  // defaults, and what each output shows itself
  const filters = Object.entries(data.sampling ?? {})
                      .filter(
                          ([name, value]) =>
                              (isNumber(value) || typeof value === "string") && value !== hidden[name])
                      .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  byId("about").textContent = [
    data.mode === "free" ? "without a primer" :
        data.primer      ? `${modes[data.mode] ?? data.mode ?? "primer"     } ${baseName(data.primer)}` :
                           data.mode,
    data.checkpoint ? `model ${data.checkpoint}` : null,
    filters.join(", "),
    isNumber(data.conditions?.notes_per_second) ? `${data.conditions.notes_per_second} notes per second` : null,
    data.conditions?.key ? `key ${data.conditions.key}` : null,
  ].filter(Boolean).join(" · ");

  const stage = new Stage();
  const items = outputs.map((output, i) => {
    const temperature = isNumber(output.temperature) ? ` · temperature ${output.temperature}` : "";
    return {
      title: isNumber(output.seed) ? `Seed ${output.seed}${temperature}` : `Output ${i + 1}${temperature}`,
      about: [output.file, `${i + 1} of ${outputs.length}`].filter(Boolean).join(" · "),
      piece: new Piece(output.performance, output.primer_seconds),
      file: output.file,
    };
  });
  const rows = items.map((item, i) => {
    const words = memorisationWords(outputs[i].memorisation, data.held_out, data.copy_thresholds);
    return outputRow(stage, item, outputs[i], words);
  });
  byId("outputs").append(...rows);
  if (!items.length) byId("outputs").after(element("p.note", {}, "This page has no outputs."));

  const kept = data.mode === "vary" ? ["kept from the primer", "regenerated"] : ["primer", "generated"];
  if (items.some((item) => item.piece.notes.some((note) => note.primer)))
    byId("legend").append(
        element("span.swatch.primer"), kept[0], element("span.swatch.fresh"), kept[1],
        " · stronger colour: higher velocity");
  if (data.held_out && isNumber(data.held_out.share))
    byId("held_out").textContent =
        `Held-out pieces have ${percent(data.held_out.share)} of their notes in common with the training pieces` +
        (isNumber(data.held_out.longest_run) ? `, in runs of up to ${data.held_out.longest_run} notes.` : ".");

  stage.onselect = (item) => markRows(rows, items, item);
  stage.setList(items);
  stage.select(items[0] ?? null);
  setUpShortcuts(stage);
  setUpTheme();

  /** Adds a piece that was made in the page, at the top. `answer`: of the worker. */
  const add = (item, {sampled, nats}) => {
    const output = {file: item.file, nll_per_token: sampled ? nats / sampled : null};
    const row = outputRow(stage, item, output, {level: "unknown", long: ""});
    items.unshift(item);
    rows.unshift(row);
    byId("outputs").prepend(row);
    stage.setList(items);
  };
  const remove = (item) => {
    const at = items.indexOf(item);
    items.splice(at, 1);
    rows.splice(at, 1)[0].remove();
    stage.setList(items);
  };
  return {stage, instrument: setUpInstrument(stage, data, {add, remove})};
}

window.rondo = showSamples(readData());  // for the browser console
