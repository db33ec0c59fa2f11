// SPDX-License-Identifier: MIT
// Light or dark theme: the system's, until the user chooses one. It runs in the head, before the first paint.
"use strict";

const theme = {
  choices: ["auto", "light", "dark"],
  dark: matchMedia("(prefers-color-scheme: dark)"),
  listeners: [],

  // A browser may refuse storage to a page from a file; the choice then lasts as long as the page.
  remembered(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  remember(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
    }
  },

  choose(choice) {
    this.choice = this.choices.includes(choice) ? choice : "auto";
    this.remember("rondo-theme", this.choice);
    this.apply();
  },
  apply() {
    const dark = this.choice === "dark" || (this.choice === "auto" && this.dark.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    for (const listener of this.listeners) listener();
  },
  start() {
    const choice = this.remembered("rondo-theme");
    this.choice = this.choices.includes(choice) ? choice : "auto";
    this.apply();
    this.dark.addEventListener("change", () => this.apply());
  },
};
theme.start();
