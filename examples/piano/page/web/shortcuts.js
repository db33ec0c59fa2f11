// SPDX-License-Identifier: MIT
// Keyboard shortcuts of the stage, in stage.shortcuts. A focused control keeps the keys that it uses itself.

function setUpShortcuts(stage) {
  const {player, roll} = stage;
  const acts = stage.shortcuts = {
    " ": () => player.toggle(),
    ArrowLeft: (event) => player.seek(player.position - (event.shiftKey ? 1 : 5)),
    ArrowRight: (event) => player.seek(player.position + (event.shiftKey ? 1 : 5)),
    Home: () => player.seek(0),
    End: () => player.seek(player.piece.seconds),
    n: () => stage.step(1),
    p: () => stage.step(-1),
    "+": () => roll.zoom(1.5),
    "=": () => roll.zoom(1.5),
    "-": () => roll.zoom(1 / 1.5),
    l: () => stage.toggleLoop(),
    m: () => stage.toggleMute(),
    "?": () => byId("sheet").showModal(),
  };
  // A button that was clicked gives up the focus, so that the space bar still means play.
  document.addEventListener("click", (event) => {
    if (event.detail > 0) event.target.closest("button")?.blur();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("sheet").open) return;
    const target = event.target;
    const named = event.key.length > 1;
    if (target.matches("select, input:not([type=range], [type=checkbox]), textarea")) return;
    if (target.matches("input[type=range]:not(#seek)") && (named || event.key === " ")) return;
    if (event.key === " " && target.matches("button, a, summary, input[type=checkbox]")) return;
    if (target.closest("[data-own-keys]") && named) return;
    if (!named && event.key !== " " && !byId("keys-on").checked) return;
    const act = acts[named ? event.key : event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
}
