// SPDX-License-Identifier: MIT
// The page of `piano train`. Its data: {title, config, baselines: {uniform, unigram, bigram, trigram, fourgram},
// tokens_train, tokens_valid, parameters, metrics: [{step, seconds, tokens, tokens_per_second, train_nll, valid_nll,
// learning_rate, grad_norm, data_time_fraction}], samples: [{file, step, seconds, valid_nll, temperature, seed, primer,
// primer_seconds, performance}], done}.

const metricNames = {
  step: "Step",
  seconds: "Time",
  tokens: "Tokens",
  tokens_per_second: "Tokens per second",
  train_nll: "Training",
  valid_nll: "Validation",
  learning_rate: "Learning rate",
  grad_norm: "Gradient norm",
  data_time_fraction: "Fraction of time for data"
};

function metricText(name, value) {
  if (!isNumber(value)) return unknown;
  if (name === "seconds") return clock(value);
  if (name.endsWith("_nll")) return fixed(value, 3);
  if (name === "data_time_fraction") return percent(value);
  if (name === "learning_rate" || name === "grad_norm") return brief(value);
  return whole(value);
}

/** Index of the lowest number, or null. */
function lowest(values) {
  return values.reduce(
      (best, value, i) => (isNumber(value) && (best === null || value < values[best]) ? i : best), null);
}

function summary(data, metrics, best) {
  if (best === null) return "No evaluation yet.";
  const {valid_nll: valid, step} = metrics[best];
  const baselines =
      Object.entries(data.baselines ?? {}).filter(([, value]) => isNumber(value)).sort((a, b) => b[1] - a[1]);
  const beaten = baselines.filter(([, value]) => value > valid).at(-1);
  const words = [`Best validation loss: ${fixed(valid, 3)} nats per token at step ${whole(step)}`];
  if (beaten) words.push(`below the ${beaten[0]} baseline (${fixed(beaten[1], 3)})`);
  const last = metrics.at(-1).valid_nll;
  const rises = isNumber(last) && last > valid + 0.02;
  return `${words.join(", ")}.${
      rises ? " Since then the validation loss rises: the network overfits." : ""}`;
}

function flatten(settings, prefix = "") {
  return Object.entries(settings ?? {})
      .flatMap(
          ([name, value]) => value !== null && typeof value === "object" && !Array.isArray(value) ?
              flatten(value, `${prefix}${name} · `) :
              [[prefix + name,
                Array.isArray(value) ? value.join(", ") :
                    value === null   ? unknown :
                                       String(value)]])
      .map(([name, value]) => [name.replaceAll("_", " "), value]);
}

function showTable(metrics) {
  const columns = Object.keys(metricNames).filter((name) => metrics.some((row) => isNumber(row[name])));
  byId("table").append(
      element("caption.visually-hidden", {}, "Evaluations of the run"),
      element("thead", {}, element("tr", {}, columns.map((name) => element("th", {scope: "col"}, metricNames[name])))),
      element(
          "tbody", {},
          metrics.map(
              (row) => element("tr", {}, columns.map((name) => element("td", {}, metricText(name, row[name])))))));
}

function showCharts(data, metrics, best) {
  const column = (name) => metrics.map((row) => row[name] ?? null);
  const baselines = Object.entries(data.baselines ?? {})
                        .filter(([, value]) => isNumber(value))
                        .map(([name, value]) => ({name, value}));
  const charts = [new Chart({
    title: "Nats per token; lower is better. Dashed: n-gram baselines.",
    baselines,
    mark: best,
    curves: [
      {name: "training", kind: "train", values: column("train_nll")},
      {name: "validation", kind: "valid", values: column("valid_nll")}
    ],
    format: (value) => fixed(value, 3)
  })];
  byId("loss").append(charts[0].node);
  for (const name of ["tokens_per_second", "learning_rate", "grad_norm", "data_time_fraction"]) {
    if (!column(name).some(isNumber)) continue;
    const chart = new Chart({
      title: metricNames[name],
      small: true,
      tick: name === "data_time_fraction" ? percent : brief,
      format: (value) => metricText(name, value),
      curves: [{name: metricNames[name].toLowerCase(), kind: "plain-curve", values: column(name)}]
    });
    charts.push(chart);
    byId("small").append(chart.node);
  }
  const setX = (by) => charts.forEach(
      (chart) => chart.setX(
          column(by), by === "step" ? (value, full) => (full ? `step ${whole(value)}` : brief(value)) : clock));
  setX("step");
  for (const radio of document.querySelectorAll("input[name=x]"))
    radio.addEventListener("change", () => setX(radio.value));
}

function showReport(data) {
  const metrics = Array.isArray(data.metrics) ? data.metrics : [];
  const samples = Array.isArray(data.samples) ? data.samples : [];
  byId("title").textContent = data.title || "A training run";
  const last = metrics.at(-1) ?? {};
  byId("about").textContent = [
    isNumber(data.parameters) ? `${whole(data.parameters)} parameters` : null,
    isNumber(data.tokens_train) ? `${whole(data.tokens_train)} training tokens` : null,
    isNumber(data.tokens_valid) ? `${whole(data.tokens_valid)} validation tokens` : null,
    isNumber(last.step) ? `${whole(last.step)} steps in ${clock(last.seconds)}` : null,
    data.done === false ? "still running" : null,
  ].filter(Boolean).join(" · ");

  const best = lowest(metrics.map((row) => row.valid_nll));
  byId("summary").textContent = summary(data, metrics, best);
  showCharts(data, metrics, best);
  showTable(metrics);
  byId("settings")
      .append(...flatten(data.config)
                  .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));

  const stage = new Stage();
  const items = samples.map(
      (sample) => ({
        title: `Step ${whole(sample.step)}`,
        about: [
          isNumber(sample.valid_nll) ? `validation ${fixed(sample.valid_nll, 3)}` : null,
          isNumber(sample.seconds) ? `after ${clock(sample.seconds)}` : null,
          isNumber(sample.temperature) ? `temperature ${sample.temperature}` : null,
          isNumber(sample.seed) ? `seed ${sample.seed}` : null, sample.primer ? `primer ${sample.primer}` : null
        ].filter(Boolean)
                   .join(" · "),
        file: sample.file,
        piece: new Piece(sample.performance, sample.primer_seconds),
      }));
  const bestValid = best === null ? null : metrics[best].valid_nll;
  const rows = items.map(
      (item, i) => element(
          "li", {},
          element(
              "button.row", {type: "button", onclick: () => stage.choose(item)}, element("span.name", {}, item.title),
              thumbnails.of(item.piece)),
          element(
              "p.note", {}, item.about,
              bestValid !== null && samples[i].valid_nll === bestValid ? " · best" : "")));
  byId("outputs").append(...rows);
  if (!items.length) byId("outputs").replaceWith(element("p.note", {}, "This run has no samples."));
  stage.onselect = (item) => markRows(rows, items, item);
  stage.setList(items);
  stage.select(items.at(-1) ?? null);
  setUpShortcuts(stage);
  setUpTheme();
  return stage;
}

window.rondo = {
  stage: showReport(readData())
};  // for the browser console
