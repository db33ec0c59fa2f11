// SPDX-License-Identifier: MIT
// New music for a stretch of a piece, which leads into what follows. The stretch is marked in the roll: by dragging, by
// keys at the play head, or as numbers.

const candidates = 32;  // continuations among which the worker draws, by how likely they make what follows

class Fill {
  /** `list`: {add(item, sampled), remove(item)}. */
  constructor(stage, engine, settings, list) {
    Object.assign(this, {stage, engine, settings, list});
    this.enabled = true;
    this.done = [];  // {item, former, mark} of each fill that can be undone
    const {roll, player} = stage;
    roll.onmark = () => this.show();
    byId("mark").addEventListener("click", () => this.setMarking(!roll.marking));
    for (const id of ["fill-from", "fill-to"])
      byId(id).addEventListener("change", () => {
        const [from, to] = [byId("fill-from"), byId("fill-to")].map((node) => node.valueAsNumber);
        if (isNumber(from) && isNumber(to)) roll.setMark({from, to});
      });
    byId("fill").addEventListener("click", () => this.compose());
    byId("undo").addEventListener("click", () => this.undo());
    const put = (begins) => {
      const {from, to} = roll.mark ?? {from: 0, to: player.piece.seconds}, at = player.position;
      roll.setMark(begins ? {from: at, to: to > at ? to : player.piece.seconds} : {from: from < at ? from : 0, to: at});
      if (roll.mark) stage.say(`Marked ${clock(roll.mark.from)} to ${clock(roll.mark.to)}`);
    };
    Object.assign(
        stage.shortcuts,
        {b: () => put(true), e: () => put(false), f: () => this.compose(), u: () => this.undo(), Escape: () => this.clear()});
    addEventListener("keydown", (event) => {
      const letters = event.target.matches("input:not([type=range], [type=checkbox]), textarea");
      if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || letters || !this.done.length) return;
      event.preventDefault();
      this.undo();
    });
    for (const row of document.querySelectorAll(".with-model")) row.hidden = false;
    this.show();
  }

  enable(on) {
    this.enabled = on;
    this.setMarking(false);
  }

  setMarking(on) {
    this.stage.roll.marking = on;
    byId("mark").setAttribute("aria-pressed", on);
    document.body.classList.toggle("marking", on);
    if (on) this.stage.say("Drag in the piano roll over the stretch to fill");
    this.show();
  }

  clear() {
    this.stage.roll.setMark(null);
    this.setMarking(false);
  }

  show() {
    const {mark} = this.stage.roll;
    byId("fill-from").value = mark ? mark.from.toFixed(2) : "";
    byId("fill-to").value = mark ? mark.to.toFixed(2) : "";
    byId("fill").disabled = !mark || !this.enabled;
    byId("undo").disabled = !this.done.length || !this.enabled;
    byId("mark").disabled = !this.enabled;
  }

  async compose() {
    const {stage, engine, settings} = this, {mark} = stage.roll, former = stage.item;
    if (!mark || !this.enabled) return;
    const seed = settings.nextSeed(), title = `Filled ${clock(mark.from)} to ${clock(mark.to)} · seed ${seed}`;
    const start = performance.now();
    stage.say("Filling …");
    try {
      const music = musicOf(stage.player.piece);
      const answer = await engine.call("fill", {music, ...mark, candidates, settings: settings.numbers(seed)});
      const used = (performance.now() - start) / 1000;
      const item = await itemOf(engine, title, answer.performance, 0);
      this.list.add(item, answer);
      this.done.push({item, former, mark});
      stage.select(item);
      stage.roll.setMark(mark);
      this.setMarking(false);
      stage.player.seek(Math.max(0, mark.from - 2));
      stage.player.play();
      stage.say(`${title}: drawn from ${candidates} in ${fixed(used, 1)} s`);
      this.last = {...answer, seconds: used};
    } catch (error) {
      stage.say(error.message);
    }
  }

  /** Takes the last fill out of the list and selects the piece before it. */
  undo() {
    if (!this.done.length || !this.enabled) return;
    const {item, former, mark} = this.done.pop();
    this.list.remove(item);
    URL.revokeObjectURL(item.href);
    this.stage.select(former);
    this.stage.roll.setMark(mark);
    this.stage.say(`Undone: ${item.title}`);
  }
}
