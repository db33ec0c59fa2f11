// SPDX-License-Identifier: MIT
// What is played on: MIDI keyboards (Web MIDI), the computer's keyboard, and the keys that are drawn.

// By the places of the keys, not their letters: A is C, W is C sharp, and so on.
const keyPlaces = [
  "KeyA", "KeyW", "KeyS", "KeyE", "KeyD", "KeyF", "KeyT", "KeyG", "KeyY", "KeyH", "KeyU", "KeyJ", "KeyK", "KeyO",
  "KeyL", "KeyP", "Semicolon"
];

const otherInputs = "The computer's keys A W S E D F … (Z, X: octave), the mouse and fingers play, too.";

class Inputs {
  /** `say` shows which MIDI keyboards there are. */
  constructor(live, keyboard, say) {
    Object.assign(this, {live, keyboard, say});
    this.lowest = 60;         // the C of the computer's keyboard
    this.pressed = new Map();  // the pitch of each computer key that is down
    const touched = keyboard.onkey;
    keyboard.onkey = (pitch, down, event) => {
      if (live.on)
        live.key(pitch, down ? 80 : 0, event.timeStamp);
      else
        touched(pitch, down);
    };
    // On the way down to the focused element, before the shortcuts of the page.
    addEventListener("keydown", (event) => this.press(event), {capture: true});
    addEventListener("keyup", (event) => this.lift(event), {capture: true});
    addEventListener("blur", () => {
      for (const pitch of this.pressed.values()) live.key(pitch, 0);
      this.pressed.clear();
    });
  }

  moveOctave(by) {
    this.lowest = Math.min(84, Math.max(24, this.lowest + 12 * by));
    this.show();
  }

  /** On a narrow screen two octaves are drawn, which can be played with fingers. */
  show() {
    const narrow = this.live.on && innerWidth < 700;
    this.keyboard.setRange(narrow ? this.lowest : 21, narrow ? this.lowest + 24 : 108);
  }

  press(event) {
    if (!this.live.on || event.ctrlKey || event.metaKey || event.altKey || byId("sheet").open) return;
    if (event.target.matches("select, input:not([type=range], [type=checkbox])")) return;
    const at = keyPlaces.indexOf(event.code);
    const octave = {KeyZ: -1, KeyX: 1}[event.code];
    if (at < 0 && !octave) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    if (octave) return this.moveOctave(octave);
    this.pressed.set(event.code, this.lowest + at);
    this.live.key(this.lowest + at, 80, event.timeStamp);
  }

  lift(event) {
    const pitch = this.pressed.get(event.code);
    if (pitch === undefined) return;
    this.pressed.delete(event.code);
    this.live.key(pitch, 0, event.timeStamp);
  }

  async openMidi() {
    if (!navigator.requestMIDIAccess) {
      this.say(`This browser has no Web MIDI (Chrome, Edge and Firefox have it). ${otherInputs}`);
      return;
    }
    try {
      const access = this.access ??= await navigator.requestMIDIAccess();
      const listen = () => {
        const inputs = [...access.inputs.values()].filter((input) => input.state !== "disconnected");
        for (const input of inputs) input.onmidimessage = (event) => this.message(event);
        this.say(
            (inputs.length ? `MIDI: ${inputs.map((input) => input.name).join(", ")}. ` :
                             "No MIDI keyboard is connected. ") +
            otherInputs);
      };
      access.onstatechange = listen;
      listen();
    } catch (error) {
      this.say(`MIDI keyboards are not available: ${error.message} ${otherInputs}`);
    }
  }

  message({data: [status, first, second], timeStamp}) {
    const kind = status & 0xf0;
    if (kind === 0x90 || kind === 0x80) this.live.key(first, kind === 0x90 ? second : 0, timeStamp);
    if (kind === 0xb0 && first === 64) this.live.sustain(second >= 64);
  }
}
