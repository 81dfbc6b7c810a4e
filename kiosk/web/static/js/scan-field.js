// What a scanner that acts as a keyboard types, anywhere on a page of the counter, without a field that has the focus.
// Keys are read by their place on a US keyboard (event.code): the layout of the session does not change a code.
// A scan comes in a burst, at most 100 ms from key to key, and ends with Enter or Tab. Digits typed slowly by a
// person stand in the field until Enter. Never while a pad for a PIN is shown.

import { hearScan } from "./counter-sounds.js";
import { load } from "./page-swap.js";

const BURST_MS = 100;
const SLOW_MS = 10_000;
const SHORTEST = 3;
/** The signed code of a receipt alone may be longer. */
const longest = (text) => (/^https:\/\/[^/\s]{1,46}\/s#/i.test(text) ? 680 : 256);
const SURE = 7;
const MOST_WAITING = 256;

const KEYS = {
  Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:", Quote: "'\"",
  Backquote: "`~", Comma: ",<", Period: ".>", Slash: "/?", Space: "  ", NumpadDecimal: "..", NumpadDivide: "//",
  NumpadMultiply: "**", NumpadSubtract: "--", NumpadAdd: "++",
};
")!@#$%^&*(".split("").forEach((shifted, digit) => { KEYS[`Digit${digit}`] = `${digit}${shifted}`; });
for (let digit = 0; digit < 10; digit += 1) KEYS[`Numpad${digit}`] = `${digit}${digit}`;
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") KEYS[`Key${letter}`] = letter.toLowerCase() + letter;

/** The character of a key on a US keyboard, or "" for a key that has none. */
export function characterOf(event) {
  const pair = KEYS[event.code];
  if (pair === undefined) return "";
  const upper = event.code.startsWith("Key") && event.getModifierState?.("CapsLock");
  return pair[event.shiftKey !== Boolean(upper) ? 1 : 0];
}

/** Gathers keys into scans; `take` gets each whole one. Times are those of the keys themselves. */
export class Gatherer {
  typed = "";
  #burst = "";
  #last = -Infinity;

  constructor(take) {
    this.take = take;
  }

  /** One character. */
  add(character, time) {
    const gap = time - this.#last;
    this.#last = time;
    if (gap > BURST_MS) this.#burst = "";
    if (gap > SLOW_MS) this.typed = "";
    if (this.#burst.length <= longest(this.#burst)) this.#burst += character;
    if (/[0-9]/.test(character) && this.typed.length < 32) this.typed += character;
  }

  /** Enter or Tab; returns whether there was anything to end. */
  end(time) {
    const burst = time - this.#last > BURST_MS ? "" : this.#burst;
    // A long burst after forgotten digits is a scan; a short one is the quick end of what a hand typed.
    const scanned = burst.length >= SURE || burst === this.typed || this.typed === "" || /[^0-9]/.test(burst);
    const text = scanned && burst.length >= SHORTEST ? burst : this.typed;
    this.clear();
    if (text.length >= SHORTEST && text.length <= longest(text)) this.take(text);
    return text !== "" || burst !== "";
  }

  clear() {
    this.typed = this.#burst = "";
  }
}

/** Posts scans one after the other: the second waits for the answer to the first, none is left out. */
class Post {
  #waiting = [];
  #busy = false;

  async send(text) {
    if (this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(text);
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const body = new URLSearchParams({ text: this.#waiting.shift() });
      hearScan(await load(new Request("/counter/scan", { method: "POST", body })));
    }
    this.#busy = false;
  }
}

/** Where a scanner is set up nobody else scans: then no page has the field, and what is typed does nothing. */
const isDeaf = () => !document.querySelector("[data-scan-field]") || document.querySelector("[data-secret]") !== null;

function show(gatherer) {
  const field = document.querySelector("[data-scan-field]");
  if (field) field.textContent = gatherer.typed;
}

/** Listen on the window: before anything on the page, and before the guard that drops letters. */
export function gatherScans() {
  const post = new Post();
  const gatherer = new Gatherer((text) => post.send(text));
  window.addEventListener("keydown", (event) => {
    if (isDeaf() || event.ctrlKey || event.altKey || event.metaKey) {
      gatherer.clear();
      return;
    }
    if (event.code === "Enter" || event.code === "NumpadEnter" || event.code === "Tab") {
      // The end of a scan must not press the button that happens to have the focus.
      if (gatherer.end(event.timeStamp)) event.preventDefault();
    } else if (characterOf(event) !== "") {
      event.preventDefault();
      gatherer.add(characterOf(event), event.timeStamp);
    }
    show(gatherer);
  }, { capture: true });
}
