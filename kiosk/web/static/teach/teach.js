// Teach me this scale: looks again while something is heard, and goes to the next step when the station has.

import "../js/technician.js";
import "../js/touch-pad.js";

const EVERY_MS = 400;
const LOOKS = 450; // three minutes: a forgotten page must not keep the scale from the counter

class TeachStep extends HTMLElement {
  #left = LOOKS;
  #timer = 0;

  connectedCallback() {
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #look() {
    const answer = await fetch(this.dataset.source).catch(() => null);
    if (answer?.ok) this.#show(await answer.json());
    this.#left -= 1;
    if (this.#left > 0 && this.isConnected) this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  }

  #show(state) {
    if (state.step !== this.dataset.step) {
      this.#left = 0;
      location.reload();
      return;
    }
    for (const [name, text] of Object.entries(state.parts)) {
      const part = this.querySelector(`[data-part="${name}"]`);
      if (part && part.textContent !== text) part.textContent = text;
    }
    const bar = this.querySelector("progress");
    if (bar) bar.value = state.done * 100;
  }
}

customElements.define("teach-step", TeachStep);
