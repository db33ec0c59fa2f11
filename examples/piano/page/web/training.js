// SPDX-License-Identifier: MIT
// Training in the page: a small model learns from MIDI files that are dropped on the page, for a minute.

class PageTraining {
  /** `use` is called when the trained model is to be played with. */
  constructor(stage, engine, use) {
    Object.assign(this, {stage, engine});
    this.losses = [];  // [fraction of the time, nats per token], means of some batches
    byId("train-files").addEventListener("change", (event) => this.train([...event.target.files]));
    byId("train-use").addEventListener("click", () => use());
    addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      byId("train").classList.add("over");
    });
    for (const name of ["dragleave", "drop"])
      addEventListener(name, () => byId("train").classList.remove("over"));
    addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      byId("train").open = true;
      this.train([...event.dataTransfer.files]);
    });
    theme.listeners.push(() => this.paint());
  }

  async train(files, seconds = 60) {
    const say = (words) => {
      byId("train-status").textContent = words;
    };
    if (!files.length) return;
    this.losses = [];
    say("Reading …");
    let recent = [];
    const report = ({notes, problems, nll, done, tokens}) => {
      if (notes !== undefined) {
        say(`${plural(notes, "note")}${problems.length ? `; skipped: ${problems.join("; ")}` : ""}`);
        return;
      }
      byId("train-use").disabled = false;
      recent.push(nll);
      if (recent.length < 8 && done < 1) return;
      this.losses.push([done, recent.reduce((sum, value) => sum + value) / recent.length]);
      recent = [];
      this.paint();
      say(`${fixed(this.losses.at(-1)[1])} nats per token after ${Math.round(done * seconds)} s and ` +
          `${plural(tokens, "token")}; at first ${fixed(this.losses[0][1])}`);
    };
    try {
      const all = await Promise.all(files.map(async (file) => ({name: file.name, bytes: await file.arrayBuffer()})));
      report(await this.engine.call("train", {files: all, seconds}, report));
    } catch (error) {
      say(error.message);
    }
  }

  /** The likelihood over time. */
  paint() {
    const canvas = byId("train-curve");
    const context = fitCanvas(canvas), [width, height] = [canvas.clientWidth, canvas.clientHeight];
    context.clearRect(0, 0, width, height);
    const top = 6;  // nats: above those of a guess among all tokens
    context.font = "11px " + getComputedStyle(canvas).fontFamily;
    for (let nats = 0; nats <= top; nats += 2) {
      const y = (1 - nats / top) * (height - 14) + 7;
      context.fillStyle = palette.line;
      context.fillRect(22, y, width, 1);
      context.fillStyle = palette.quiet;
      context.fillText(String(nats), 4, y + 4);
    }
    context.strokeStyle = palette.fresh;
    context.lineWidth = 1.8;
    context.beginPath();
    for (const [done, nll] of this.losses)
      context.lineTo(24 + done * (width - 28), (1 - nll / top) * (height - 14) + 7);
    context.stroke();
  }
}
