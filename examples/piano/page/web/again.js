// SPDX-License-Identifier: MIT
// New music in the page: again from any point of a piece, or beyond its end.

class Again {
  /** `add(item, sampled)` shows a new item. */
  constructor(stage, engine, settings, add) {
    Object.assign(this, {stage, engine, settings, add});
    byId("again").addEventListener("click", () => this.compose(stage.player.position));
    byId("continue").addEventListener("click", () => this.compose(stage.player.piece.seconds));
    const show = () => {
      byId("again-from").textContent = clock(stage.player.position);
      byId("again").disabled = !stage.player.piece.notes.length;
    };
    for (const name of ["load", "seek", "change"]) stage.player.addEventListener(name, show);
    show();
  }

  async compose(from) {
    const {stage, engine, settings} = this, seed = settings.nextSeed(), seconds = settings.get("seconds");
    const start = performance.now(), atEnd = from >= stage.player.piece.seconds;
    stage.say("Composing …");
    try {
      const music = musicOf(stage.player.piece);
      const answer = await engine.call("compose", {music, from, seconds, settings: settings.numbers(seed)});
      const used = (performance.now() - start) / 1000;
      const title = `${atEnd ? "Continued" : "Again"} from ${clock(from)} · seed ${seed}`;
      const item = await itemOf(engine, title, answer.performance, from);
      this.add(item, answer);
      stage.select(item);
      stage.player.seek(Math.max(0, from - 1));
      stage.player.play();
      stage.say(`${title}: ${plural(answer.sampled, "token")} in ${fixed(used, 1)} s`);
      this.last = {...answer, tokensPerSecond: answer.sampled / used};
    } catch (error) {
      stage.say(error.message);
    }
  }
}

/** A piece as the worker expects it. */
function musicOf(piece) {
  return {
    notes: piece.notes.map(({start, end, pitch, velocity}) => [start, end, pitch, velocity]),
    pedal: piece.pedal.flatMap(([down, up]) => [[down, 1], [up, 0]]),
  };
}

/** An item of the stage with a MIDI file. */
async function itemOf(engine, title, performance, primerSeconds) {
  const piece = new Piece(performance, primerSeconds);
  const {bytes} = await engine.call("midi", {music: musicOf(piece), title});
  return {
    title,
    about: `${plural(piece.notes.length, "note")}, made in this page`,
    piece,
    file: title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-") + ".mid",
    href: URL.createObjectURL(new Blob([bytes], {type: "audio/midi"})),
  };
}
