// SPDX-License-Identifier: MIT
// The settings of the instrument: controls with an id of "set-NAME", which the address stores as #NAME=VALUE&...

class Settings extends EventTarget {
  /** `sampling`: the settings that the samples were made with. */
  constructor(sampling) {
    super();
    this.sampling = sampling ?? {};
    this.controls = new Map([...document.querySelectorAll("[id^=set-]")].map((node) => [node.id.slice(4), node]));
    const key = this.controls.get("key");
    for (const mode of ["major", "minor"])
      ["C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"].forEach(
          (tonic, i) => key.append(element("option", {value: i + (mode === "minor" ? 12 : 0)}, `${tonic} ${mode}`)));
    if (isNumber(this.sampling.temperature)) this.put("temperature", this.sampling.temperature);
    if (isNumber(this.sampling.min_p)) this.put("min-p", this.sampling.min_p);
    this.readAddress();
    for (const node of this.controls.values()) node.addEventListener("input", () => this.changed());
    addEventListener("hashchange", () => {
      this.readAddress();
      this.show();
      this.dispatchEvent(new Event("change"));
    });
    this.show();
  }

  get(name) {
    const {value, type, checked} = this.controls.get(name);
    if (type === "checkbox") return Number(checked);
    return value !== "" && isNumber(Number(value)) ? Number(value) : value;
  }

  put(name, value) {
    const node = this.controls.get(name);
    if (node.type === "checkbox") {
      node.checked = Number(value) > 0;
      return;
    }
    const former = node.value;
    node.value = value;
    if (node.value === "") node.value = former;  // not one of its options
  }

  readAddress() {
    const address = new URLSearchParams(location.hash.slice(1));
    for (const name of this.controls.keys())
      if (address.has(name)) this.put(name, address.get(name));
    const seed = Number(address.get("seed") ?? NaN);
    this.seed = Number.isSafeInteger(seed) && seed >= 0 ? seed : Math.floor(Math.random() * 1e6);
  }

  changed() {
    const address = new URLSearchParams([...this.controls.keys()].map((name) => [name, this.get(name)]));
    history.replaceState(null, "", `#${address}`);
    this.show();
    this.dispatchEvent(new Event("change"));
  }

  /** Writes the values of the sliders beside them. */
  show() {
    const words = {
      temperature: (value) => fixed(value),
      "min-p": (value) => (value ? fixed(value) : "off"),
      density: (value) => (value ? `${fixed(2 ** value, 1)} notes per second` : "as the music"),
    };
    for (const [name, text] of Object.entries(words)) {
      byId(`${name}-value`).textContent = text(this.get(name));
      this.controls.get(name).setAttribute("aria-valuetext", text(this.get(name)));
    }
  }

  /** The seed of the next piece. */
  nextSeed() { return this.seed++; }

  /** The settings as the worker expects them. */
  numbers(seed, lowest = 21, highest = 108) {
    const {top_k: topK = 0, top_p: topP = 1} = this.sampling, density = this.get("density");
    return [
      this.get("temperature"), topK, topP, this.get("min-p"), seed, density ? 2 ** density : 0, this.get("key"), lowest,
      highest, this.get("learn")
    ];
  }
}
