// The technician's face: each page works without this file; with it the scale's frames are live, a running backup is
// looked at again, and a form is sent once.

import "./alive.js";
import { guardKeys } from "./key-guard.js";
import "./kept-page.js";
import "./touch-pad.js";

const EVERY_MS = 400;
const LOOKS = 300; // two minutes: a forgotten page must not keep the counter unlocked

class LiveFrame extends HTMLElement {
  #left = LOOKS;
  #timer = 0;

  connectedCallback() {
    this.#look();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #look() {
    this.#show(await newest(this.dataset.source));
    this.#left -= 1;
    if (this.#left > 0 && this.isConnected) this.#timer = setTimeout(() => this.#look(), EVERY_MS);
    else this.#show({ weight: "– – –", raw: "" });
  }

  #show(sign) {
    for (const [name, text] of Object.entries(sign)) {
      const part = this.querySelector(`[data-part="${name}"]`);
      if (part && part.textContent !== text) part.textContent = text;
    }
  }
}

/** The newest frame; dashes while the station does not answer, so that an old weight never stands as live. */
async function newest(source) {
  try {
    const answer = await fetch(source);
    if (answer.ok) return await answer.json();
  } catch {
    // The station is away: said below.
  }
  return { weight: "– – –", raw: "" };
}

function lookAgain() {
  const waiting = document.querySelector("[data-again]");
  if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.again));
}

function sendOnce(event) {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
}

guardKeys();
customElements.define("live-frame", LiveFrame);
document.addEventListener("submit", sendOnce);
lookAgain();
