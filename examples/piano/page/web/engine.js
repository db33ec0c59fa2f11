// SPDX-License-Identifier: MIT
// The page's side of the network: starts its worker and sends it requests. worker.js lists them.

class Engine {
  /** Null if this page has no network. */
  static start() {
    const code = byId("engine")?.textContent ?? "", model = byId("model")?.textContent ?? "";
    return code.trim() && model.trim() ? new Engine(code, model.trim()) : null;
  }

  constructor(code, model) {
    const url = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
    this.worker = new Worker(url);
    this.waiting = new Map();
    this.count = 0;
    this.model = Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0)).buffer;
    this.worker.onmessage = ({data: {id, more, error, ...answer}}) => {
      const {resolve, reject, onmore} = this.waiting.get(id);
      if (more) return onmore?.(answer);
      this.waiting.delete(id);
      if (error === undefined)
        resolve(answer);
      else
        reject(new Error(error));
    };
    this.worker.onerror = (event) => {
      for (const {reject} of this.waiting.values()) reject(new Error(event.message));
      this.waiting.clear();
    };
  }

  call(act, request = {}, onmore = null) {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {resolve, reject, onmore});
      this.worker.postMessage({id, act, ...request});
    });
  }

  /** Loads the model of the page. `adaptation`: how it learns. */
  load(adaptation = null) { return this.call("load", {model: this.model, adaptation}); }
}
