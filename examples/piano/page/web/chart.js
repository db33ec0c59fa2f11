// SPDX-License-Identifier: MIT
// A line chart: curves over steps or seconds, labelled horizontal lines, and a read-out for pointer and arrow keys.

const svg = (name, attributes = {}, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

/** About `count` round values in [low, high]. */
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
    values.push(Number((i * step).toPrecision(12)));
  return values;
}

/** 1 234 567 as 1.2 M, 0.00052 as 5.2e-4. */
function brief(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}\u202fM`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}\u202fk`;
  if (size !== 0 && size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return String(Number(value.toPrecision(4)));
}

class Chart {
  /**
     options: {title, curves: [{name, kind, values}], baselines: [{name, value}], mark, format, height, small}. `values`
     and x have the same length; null is skipped. `mark` is the index of the highlighted point.
   */
  constructor(options) {
    this.options = options;
    this.plot =
        svg("svg", {class: "plot", role: "img", tabindex: "0", "aria-label": options.title, "data-own-keys": ""});
    this.readout = element("p.readout", {"aria-live": "polite"});
    this.node = element(
        options.small ? "figure.chart.small" : "figure.chart", {}, element("figcaption", {}, options.title), this.plot,
        this.readout);
    new ResizeObserver(() => {
      if (this.plot.clientWidth !== this.width) this.draw();
    }).observe(this.plot);
    this.plot.addEventListener("pointermove", (event) => this.pick(this.nearest(event)));
    this.plot.addEventListener("pointerleave", () => this.pick(null));
    this.plot.addEventListener("blur", () => this.pick(null));
    this.plot.addEventListener("keydown", (event) => {
      const last = this.x.length - 1;
      const at = this.picked ?? (event.key === "ArrowLeft" ? last + 1 : -1);
      const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last}[event.key];
      if (to === undefined || last < 0) return;
      event.preventDefault();
      this.pick(Math.min(last, Math.max(0, to)));
    });
  }

  setX(x, format) {
    this.x = x;
    this.formatX = format;
    this.picked = null;
    if (this.plot.isConnected) this.draw();
  }

  scales() {
    const {curves, baselines = [], small} = this.options;
    const values =
        [...curves.flatMap((curve) => curve.values), ...baselines.map((baseline) => baseline.value)].filter(isNumber);
    let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    if (small) low = Math.min(0, low);
    const margin = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
    high += margin;
    if (low !== 0) low -= margin;
    const x = this.x.filter(isNumber);
    const [first, last] = [Math.min(0, ...x), Math.max(1e-9, ...x)];
    const box = {
      left: small ? 44 : 48,
      right: this.width - (baselines.length || !small ? 86 : 8),
      top: 8,
      bottom: this.height - 24
    };
    this.toX = (value) => box.left + ((value - first) / (last - first)) * (box.right - box.left);
    this.toY = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
    return {low, high, first, last, box};
  }

  draw() {
    const {curves, baselines = [], mark, small} = this.options;
    this.width = this.plot.clientWidth;
    this.height = this.plot.clientHeight;
    if (!this.width) return;
    this.plot.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.plot.replaceChildren();
    const {low, high, first, last, box} = this.scales();
    for (const value of ticks(low, high, small ? 3 : 6)) {
      const y = this.toY(value);
      this.plot.append(
          svg("line", {class: "grid", x1: box.left, x2: box.right, y1: y, y2: y}),
          svg("text", {class: "tick", x: box.left - 6, y: y + 4, "text-anchor": "end"},
              (this.options.tick ?? brief)(value)));
    }
    for (const value of ticks(first, last, Math.max(2, (box.right - box.left) / 110)))
      this.plot.append(
          svg("text", {class: "tick", x: this.toX(value), y: this.height - 6, "text-anchor": "middle"},
              this.formatX(value)));

    const labels = baselines.map((baseline) => {
      const y = this.toY(baseline.value);
      this.plot.append(svg("line", {class: "baseline", x1: box.left, x2: box.right, y1: y, y2: y}));
      return {y, name: baseline.name, kind: "baseline"};
    });
    for (const curve of curves) {
      let path = "";
      let pen = "M";
      let end = null;
      curve.values.forEach((value, i) => {
        if (!isNumber(value) || !isNumber(this.x[i])) return;
        path += `${pen}${this.toX(this.x[i]).toFixed(1)} ${this.toY(value).toFixed(1)}`;
        pen = "L";
        end = value;
      });
      if (!path) continue;
      this.plot.append(svg("path", {class: `curve ${curve.kind}`, d: path}));
      if (curve.values.filter(isNumber).length <= 24)
        curve.values.forEach((value, i) => {
          if (isNumber(value) && isNumber(this.x[i]))
            this.plot.append(
                svg("circle",
                    {class: `dot ${curve.kind}`, cx: this.toX(this.x[i]), cy: this.toY(value), r: small ? 1.8 : 2.4}));
        });
      if (!small) labels.push({y: this.toY(end), name: curve.name, kind: curve.kind});
    }
    this.label(labels, box);
    const best = mark !== null && mark !== undefined ? curves.at(-1).values[mark] : null;
    if (isNumber(best) && isNumber(this.x[mark])) {
      const [x, y] = [this.toX(this.x[mark]), this.toY(best)];
      this.plot.append(
          svg("circle", {class: "best", cx: x, cy: y, r: 6}),
          svg("text", {class: "best-name", x, y: y + 20, "text-anchor": "middle"}, "best"));
    }
    this.cursor = svg("line", {class: "cursor", y1: box.top, y2: box.bottom, x1: 0, x2: 0, visibility: "hidden"});
    this.plot.append(this.cursor);
  }

  // Names at the right edge, each next to its line, moved apart where they would overlap.
  label(labels, box) {
    labels.sort((a, b) => a.y - b.y);
    let free = box.top;
    for (const label of labels) {
      label.at = Math.max(label.y, free);
      free = label.at + 14;
    }
    let limit = box.bottom + 10;
    for (const label of labels.toReversed()) {
      label.at = Math.min(label.at, limit);
      limit = label.at - 14;
    }
    for (const {name, kind, at} of labels)
      this.plot.append(svg("text", {class: `name ${kind}`, x: box.right + 7, y: at + 4}, name));
  }

  nearest(event) {
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    let best = null;
    this.x.forEach((value, i) => {
      if (isNumber(value) && (best === null || Math.abs(this.toX(value) - x) < Math.abs(this.toX(this.x[best]) - x)))
        best = i;
    });
    return best;
  }

  pick(index) {
    if (index === this.picked || !this.cursor) return;
    this.picked = index;
    this.cursor.setAttribute("visibility", index === null ? "hidden" : "visible");
    if (index === null) {
      this.readout.textContent = "";
      return;
    }
    const x = this.toX(this.x[index]);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    const format = this.options.format ?? brief;
    this.readout.textContent = [
      this.formatX(this.x[index], true),
      ...this.options.curves.map(
          (curve) => `${curve.name} ${isNumber(curve.values[index]) ? format(curve.values[index]) : unknown}`)
    ].join(" · ");
  }
}
