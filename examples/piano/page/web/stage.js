// SPDX-License-Identifier: MIT
// The stage: roll, keyboard and transport controls of one player, and the list of items that it can play. An item is
// {title, about, piece, file?, href?}: `file` names its MIDI file, `href` is its address if that is another. `onselect`
// is called with the item that is selected.

/** Marks the list element of the selected item. */
function markRows(rows, items, item) {
  rows.forEach((row, i) => {
    row.classList.toggle("on", items[i] === item);
    row.querySelector("button").setAttribute("aria-current", items[i] === item ? "true" : "false");
    const list = row.parentElement;
    if (items[i] === item && list?.matches(".list") && list.scrollHeight > list.clientHeight)
      list.scrollTop = row.offsetTop;
  });
}

class Stage {
  constructor() {
    this.player = new Player();
    this.roll = new Roll(byId("roll"), this.player);
    this.keyboard = new Keyboard(byId("keyboard"), this.player);
    this.items = [];
    this.item = null;
    this.onselect = () => {};
    this.playOn = false;  // whether the next item plays at the end
    this.connect();
    this.frame = this.frame.bind(this);
  }

  setList(items) {
    this.items = items;
    byId("previous").disabled = byId("next").disabled = items.length < 2;
  }

  select(item, play = false) {
    this.item = item;
    const piece = item ? item.piece : new Piece(null);
    byId("now-title").textContent = item ? item.title : "";
    byId("now-about").textContent = item ? item.about : "Nothing to play.";
    const midi = byId("midi");
    midi.hidden = !item?.file;
    if (item?.file) {
      midi.href = item.href ?? item.file.split("/").map(encodeURIComponent).join("/");
      midi.setAttribute("download", baseName(item.file));
      midi.setAttribute("aria-label", `MIDI file ${item.file}`);
      midi.title = item.file;
    }
    byId("play").disabled = byId("wav").disabled = !piece.notes.length;
    this.player.load(piece);
    this.onselect(item);
    if (play) this.player.play();
  }

  /** Shows a longer version of the piece that is being played live, at its end. */
  grow(piece) {
    this.player.piece = piece;
    this.player.anchor = piece.seconds;
    this.roll.grow(piece);
    this.overview();
    this.show();
  }

  /** Plays an item of the list, or stops it if it is playing. */
  choose(item) {
    if (this.item === item)
      this.player.toggle();
    else
      this.select(item, true);
  }

  step(by) {
    if (this.items.length < 1) return;
    const at = this.items.indexOf(this.item);
    const to = at < 0 ? 0 : (at + by + this.items.length) % this.items.length;
    this.select(this.items[to], this.player.playing || this.playOn);
  }

  say(words) { byId("status").textContent = words; }

  connect() {
    const {player, roll} = this;
    const click = (id, act) => byId(id).addEventListener("click", act);
    click("play", () => player.toggle());
    click("previous", () => this.step(-1));
    click("next", () => this.step(1));
    click("loop", () => this.toggleLoop());
    click("mute", () => this.toggleMute());
    click("zoom-in", () => roll.zoom(1.5));
    click("zoom-out", () => roll.zoom(1 / 1.5));
    click("help", () => byId("sheet").showModal());
    click("wav", () => this.saveSound());
    byId("speed").addEventListener("change", (event) => {
      player.speed = Number(event.target.value);
    });
    byId("volume").addEventListener("input", (event) => player.setVolume(Number(event.target.value), false));
    byId("seek").addEventListener("input", (event) => player.seek(Number(event.target.value)));

    player.addEventListener("load", () => {
      roll.load(player.piece);
      this.overview();
      this.show();
    });
    player.addEventListener("seek", () => {
      roll.following = true;
      this.show();
    });
    player.addEventListener("change", () => {
      if (player.playing) roll.following = true;
      this.show();
      this.say(player.playing ? `Playing ${this.item?.title ?? ""}` : `Paused at ${spokenClock(player.position)}`);
      if (player.playing) requestAnimationFrame(this.frame);
    });
    player.addEventListener("end", () => {
      this.say("End");
      const at = this.items.indexOf(this.item);
      if (this.playOn && at >= 0 && at + 1 < this.items.length) this.select(this.items[at + 1], true);
    });
    roll.onview = (view, visible) => {
      const all = Math.max(player.piece.seconds, 1e-3);
      byId("window").style.transform =
          `translateX(${(view / all) * this.seekWidth}px) scaleX(${Math.min(1, visible / all)})`;
    };
    new ResizeObserver(() => this.overview()).observe(byId("overview"));
    theme.listeners.push(() => this.overview());
    const idle = window.requestIdleCallback ?? ((act) => setTimeout(act, 300));
    addEventListener("load", () => idle(() => {
                               player.tones.start();
                               Synth.room(toneRate);
                             }));
  }

  toggleLoop() {
    this.player.loop = !this.player.loop;
    byId("loop").setAttribute("aria-pressed", this.player.loop);
    this.say(this.player.loop ? "Repeat on" : "Repeat off");
  }

  toggleMute() {
    this.player.setVolume(this.player.loudness, !this.player.muted);
    this.say(this.player.muted ? "Muted" : "Sound on");
  }

  overview() {
    const canvas = byId("overview");
    canvas.piece = this.player.piece;
    thumbnails.paint(canvas);
    this.seekWidth = canvas.clientWidth;
    if (this.roll.piece) this.roll.draw();
  }

  frame() {
    this.show();
    if (this.player.playing) requestAnimationFrame(this.frame);
  }

  /** Updates everything that moves. */
  show() {
    const {player, roll, keyboard} = this;
    const position = player.position;
    if (roll.context) roll.draw();
    keyboard.show(player.playing ? player.piece.at(position) : []);
    const seek = byId("seek");
    if (seek.max !== String(player.piece.seconds)) seek.max = String(player.piece.seconds);
    seek.value = position;
    if (this.second !== Math.floor(position) || this.shownSeconds !== player.piece.seconds) {
      this.second = Math.floor(position);
      this.shownSeconds = player.piece.seconds;
      byId("elapsed").textContent = clock(position);
      byId("length").textContent = clock(player.piece.seconds);
      seek.setAttribute("aria-valuetext", `${clock(position)} of ${clock(player.piece.seconds)}`);
    }
    if (this.shownPlaying !== player.playing || this.shownMuted !== player.muted) {
      this.shownPlaying = player.playing;
      this.shownMuted = player.muted;
      document.body.classList.toggle("playing", player.playing);
      byId("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
      byId("mute").setAttribute("aria-pressed", player.muted);
    }
  }

  async saveSound() {
    const {item, player} = this;
    const button = byId("wav");
    button.disabled = true;
    this.say("Rendering the sound …");
    const sound = wavOf(await renderPiece(player.piece, player.tones));
    button.disabled = false;
    const url = URL.createObjectURL(sound);
    const name = (baseName(item.file) || item.title).replace(/\.mid$/, "") + ".wav";
    element("a", {href: url, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    this.say(`${name} was downloaded`);
  }
}
