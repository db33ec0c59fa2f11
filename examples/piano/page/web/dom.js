// SPDX-License-Identifier: MIT
// Creates elements from names, attributes and children. Text becomes text nodes, never markup.

function element(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on"))
      node.addEventListener(key.slice(2), value);
    else if (value === true)
      node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const byId = (id) => document.getElementById(id);

/** The value of a custom property of the style sheet in the current theme. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** [r, g, b] of "#rrggbb". */
const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** The linear interpolation of two "#rrggbb" colours. */
function mix(from, to, share) {
  const [a, b] = [channels(from), channels(to)];
  return `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * share)).join(", ")})`;
}

/** Sets the canvas size to the device pixels it covers; its context uses CSS pixels. */
function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** The page's data; an empty object if it cannot be parsed. */
function readData() {
  try {
    return JSON.parse(byId("data").textContent) ?? {};
  } catch {
    return {};
  }
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Sets up the switch between the light and the dark theme. */
function setUpTheme() {
  const button = byId("theme");
  const show = () => {
    const words = {auto: "as the system", light: "light", dark: "dark"};
    button.setAttribute("aria-label", `Colours: ${words[theme.choice]}. Change`);
    button.title = `Colours: ${words[theme.choice]}`;
    button.dataset.choice = theme.choice;
  };
  button.addEventListener("click", () => {
    theme.choose(theme.choices[(theme.choices.indexOf(theme.choice) + 1) % theme.choices.length]);
    show();
  });
  show();
}
