// SPDX-License-Identifier: MIT
// The panel to play with the model: connects the worker, the settings, new music, live playing and training.

/** `list`: {add(item, sampled), remove(item)} of the page's items. */
async function setUpInstrument(stage, data, list) {
  await new Promise((resume) => (window.requestIdleCallback ?? setTimeout)(resume));  // the page is painted first
  const engine = Engine.start();
  const note = byId("instrument-note");
  if (!engine) {
    note.textContent = "This page was made by a program without the network for browsers. With Emscripten (Debian, " +
        "Ubuntu: apt-get install emscripten) build the program again to play with the model here.";
    return null;
  }
  const settings = new Settings(data.sampling);
  const showConditions = ({conditions}) => {
    settings.controls.get("density").closest("label").hidden = !conditions.density;
    settings.controls.get("key").closest("label").hidden = !conditions.key;
  };
  note.textContent = "Loading the model …";
  try {
    showConditions(await engine.load(data.adaptation_settings));
  } catch (error) {
    note.textContent = `The model cannot run in this browser: ${error.message}`;
    return null;
  }
  note.textContent = "New music from this model, made on this device.";
  byId("instrument").hidden = false;

  const status = (words) => {
    byId("live-status").textContent = words;
  };
  const live = new Live(stage, engine, settings);
  const inputs = new Inputs(live, stage.keyboard, status);
  const again = new Again(stage, engine, settings, list.add);
  const fill = new Fill(stage, engine, settings, list);
  live.onchange = (performance) => {
    if (performance.notes.length) stage.grow(new Piece(performance, 0));
  };
  const toggle = async () => {
    const button = byId("live");
    if (live.on) {
      const performance = live.stop();
      if (performance.notes.length) {
        const item = await itemOf(engine, `Played live · seed ${live.seed}`, performance, 0);
        list.add(item, {});
        stage.select(item);
      }
      stage.say("");
      status("");
    } else {
      const piece = new Piece({notes: [], seconds: 20}, 0);  // the scale of the roll is that of 20 s
      stage.select({title: "Live", about: "played by me and by the model", piece});
      await live.start();
      stage.say("Listening");
      await inputs.openMidi();
    }
    button.setAttribute("aria-pressed", live.on);
    button.textContent = live.on ? "Stop" : "Play live";
    document.body.classList.toggle("live", live.on);
    byId("again").disabled = byId("continue").disabled = live.on;
    fill.enable(!live.on);
    inputs.show();
  };
  byId("live").addEventListener("click", toggle);
  byId("octave-down").addEventListener("click", () => inputs.moveOctave(-1));
  byId("octave-up").addEventListener("click", () => inputs.moveOctave(1));
  const training = new PageTraining(stage, engine, async () => {
    if (live.on) await toggle();
    showConditions(await engine.call("use"));
    note.textContent = "New music from the model that was trained in this page.";
  });
  return {engine, settings, live, inputs, again, fill, training, toggle};
}
