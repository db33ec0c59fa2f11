// SPDX-License-Identifier: MIT
// The page of `piano explore`. Its data: {title, models: [{name, config, parameters, valid_nll, seconds}], primers:
// [name], temperatures: [number], seeds: [number], outputs: [{model, primer, temperature, seed, file, nll_per_token,
// notes_per_second, polyphony, overlap_area, memorisation, primer_seconds, performance}], pending}.

// Favourite outputs, kept in the browser's storage if it allows that for files.
class Favourites {
  constructor(title) {
    this.place = `rondo-favourites ${title}`;
    let kept = [];
    try {
      kept = JSON.parse(theme.remembered(this.place) ?? "[]");
    } catch {
    }
    this.names = new Set(Array.isArray(kept) ? kept : []);
  }
  has(name) { return this.names.has(name); }
  toggle(name) {
    if (!this.names.delete(name)) this.names.add(name);
    theme.remember(this.place, JSON.stringify([...this.names]));
  }
}

const outputName = (model, primer, temperature, seed) => JSON.stringify([model, primer, temperature, seed]);

/** The sort key of each order; unknown values come last. */
const orders = {
  nll_per_token: (item) => item.output.nll_per_token,
  overlap_area: (item) => (isNumber(item.output.overlap_area) ? -item.output.overlap_area : null),
  memorised: (item) => item.memory.share,
  notes_per_second: (item) => item.output.notes_per_second,
};

class Exploration {
  constructor(data) {
    this.data = data;
    this.stage = new Stage();
    this.favourites = new Favourites(data.title || "");
    const list = (name) => (Array.isArray(data[name]) ? data[name] : []);
    this.models = list("models").map((model) => model.name);
    [this.primers, this.temperatures, this.seeds] = [list("primers"), list("temperatures"), list("seeds")];
    this.items = list("outputs").map((output) => this.itemOf(output));
    this.byName = new Map(this.items.map((item) => [item.name, item]));
    this.head();
    this.controls();
    this.modelTable(list("models"));
    this.stage.onselect = (item) => markRows(this.items.map((each) => each.node), this.items, item);
    this.arrange();
    this.stage.select(this.shown[0] ?? null);
    setUpShortcuts(this.stage);
    setUpTheme();
  }

  itemOf(output) {
    const primer = output.primer ?? "no primer";
    const item = {
      output,
      primer,
      name: outputName(output.model, output.primer, output.temperature, output.seed),
      title: `${output.model ?? "model"} · ${primer}`,
      about: `temperature ${output.temperature ?? unknown} · seed ${output.seed ?? unknown}`,
      file: output.file,
      piece: new Piece(output.performance, output.primer_seconds),
      memory: memorisationWords(output.memorisation, this.data.held_out, this.data.copy_thresholds),
    };
    item.node = this.outputNode(item);
    return item;
  }

  outputNode(item) {
    const {output, memory} = item;
    const spoken = `${item.title}, ${item.about}`;
    const star = element(
        "button.star", {
          type: "button",
          "aria-label": `Favourite: ${spoken}`,
          title: "Favourite",
          "aria-pressed": String(this.favourites.has(item.name)),
          onclick: () => {
            this.favourites.toggle(item.name);
            star.setAttribute("aria-pressed", this.favourites.has(item.name));
            if (byId("starred").checked) this.arrange();
          }
        },
        "★");
    const fact = (value, name) => (value === unknown ? null : element("span", {}, `${value}\u00a0${name}`));
    return element(
        "div.cell", {},
        element(
            "button.listen", {type: "button", "aria-label": `Play ${spoken}`, onclick: () => this.stage.choose(item)},
            element("span.caption", {}, item.title, element("br"), item.about), thumbnails.of(item.piece),
            element("span.nats", {}, `${fixed(output.nll_per_token)} nats`)),
        star,
        element(
            "p.numbers", {}, fact(fixed(output.notes_per_second, 1), "n/s"),
            fact(fixed(output.polyphony, 1), "polyphony"),
            fact(fixed(output.overlap_area), "style"),
            element(
                "span.share", {"data-level": memory.level, title: memory.long},
                `${memory.level === "high" ? "⚠\u00a0" : ""}${memory.short}\u00a0memorisation`)));
  }

  head() {
    const {data, items} = this;
    byId("title").textContent = data.title || "Comparison of models";
    byId("about").textContent = [
      plural(this.models.length, "model"), plural(this.primers.length, "primer"), plural(items.length, "output"),
      data.pending > 0 ? `${whole(data.pending)} pending` : null
    ].filter(Boolean).join(" · ");
  }

  controls() {
    const fill = (id, all, values) => byId(id).append(
        element("option", {value: ""}, all),
        ...values.map((value, i) => element("option", {value: i}, String(value ?? "no primer"))));
    fill("by-model", "all", this.models);
    fill("by-primer", "all", this.primers);
    fill("by-temperature", "all", this.temperatures);
    byId("filters").addEventListener("change", () => this.arrange());
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("play-on").addEventListener("change", (event) => {
      this.stage.playOn = event.target.checked;
    });
  }

  chosen(id, values) {
    const choice = byId(id).value;
    return choice === "" ? values : [values[Number(choice)]];
  }

  /** Shows the outputs that pass the filters, as a grid or as a sorted list. */
  arrange() {
    const models = this.chosen("by-model", this.models);
    const primers = this.chosen("by-primer", this.primers);
    const temperatures = this.chosen("by-temperature", this.temperatures);
    const starred = byId("starred").checked;
    const fits = (item) => models.includes(item.output.model) && primers.includes(item.output.primer) &&
        temperatures.includes(item.output.temperature) && (!starred || this.favourites.has(item.name));
    const order = byId("order").value;
    if (order === "grid") {
      this.shown = [];
      byId("grid").replaceChildren(this.table(models, primers, temperatures, fits));
    } else {
      const key = (item) => orders[order](item) ?? Infinity;
      this.shown = this.items.filter(fits).sort((a, b) => (key(a) === key(b) ? 0 : key(a) - key(b)));
      byId("grid").replaceChildren(element("ol.flow", {}, this.shown.map((item) => element("li", {}, item.node))));
    }
    this.stage.setList(this.shown);
    byId("count").textContent = `${plural(this.shown.length, "output")} of ${whole(this.items.length)}`;
  }

  table(models, primers, temperatures, fits) {
    const table = element("table.grid");
    table.append(element(
        "thead", {},
        element(
            "tr", {}, element("td", {rowspan: 2}),
            temperatures.map(
                (t) => element("th", {scope: "colgroup", colspan: this.seeds.length || 1}, `temperature ${t}`))),
        element(
            "tr", {},
            temperatures.flatMap(() => this.seeds.map((seed) => element("th", {scope: "col"}, `seed ${seed}`))))));
    for (const model of models) {
      const body = element(
          "tbody", {},
          element(
              "tr", {},
              element(
                  "th.model", {scope: "rowgroup", colspan: 1 + temperatures.length * this.seeds.length},
                  element("span", {}, String(model)))));
      for (const primer of primers)
        body.append(element(
            "tr", {}, element("th", {scope: "row"}, String(primer ?? "no primer")),
            temperatures.flatMap(
                (t) => this.seeds.map(
                    (seed) =>
                        element("td", {}, this.gridCell(this.byName.get(outputName(model, primer, t, seed)), fits))))));
      table.append(body);
    }
    return table;
  }

  gridCell(item, fits) {
    if (!item) return element("span.pending", {}, this.data.pending > 0 ? "pending" : unknown);
    if (!fits(item)) return null;
    this.shown.push(item);
    return item.node;
  }

  modelTable(models) {
    const settings = (config) => Object.entries(config ?? {})
                                     .filter(([, value]) => value === null || typeof value !== "object")
                                     .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`)
                                     .join(", ");
    byId("models").append(
        element(
            "thead", {},
            element(
                "tr", {},
                ["Model", "Validation, nats", "Parameters", "Trained", "Settings"].map(
                    (name) => element("th", {scope: "col"}, name)))),
        element(
            "tbody", {},
            models.map(
                (model) => element(
                    "tr", {}, element("th", {scope: "row"}, String(model.name)),
                    element("td", {}, fixed(model.valid_nll, 3)), element("td", {}, whole(model.parameters)),
                    element("td", {}, clock(model.seconds)), element("td.settings-of", {}, settings(model.config))))));
  }
}

window.rondo = new Exploration(readData());  // for the browser console
