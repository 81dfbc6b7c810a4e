// Nobody has touched the screen for a while and the pan is empty: ask, wait while the ring runs out, then go back to
// the start. Both times are the station's settings, in seconds.
// Never with goods on the pan or while paper comes out; the server refuses that as well.

import { play } from "./earcons.js";
import { live } from "./live.js";

const CHECK_MS = 500;

class IdleRing extends HTMLElement {
  #touched = performance.now();
  #timer = 0;
  #touch = (event) => this.#stay(event);

  connectedCallback() {
    document.addEventListener("pointerdown", this.#touch, { capture: true });
    document.addEventListener("keydown", this.#touch, { capture: true });
    live.addEventListener("message", () => this.#keepWhileBusy());
    this.#timer = setInterval(() => this.#watch(), CHECK_MS);
  }

  disconnectedCallback() {
    document.removeEventListener("pointerdown", this.#touch, { capture: true });
    document.removeEventListener("keydown", this.#touch, { capture: true });
    clearInterval(this.#timer);
  }

  get #atStart() {
    return location.pathname === "/" && document.querySelector(".notice:not(idle-ring .notice)") === null;
  }

  #stay() {
    this.#touched = performance.now();
    // The touch that answers the question must not press what lies under it: hide after its click is over.
    if (!this.hidden) setTimeout(() => { this.hidden = true; }, 300);
  }

  #keepWhileBusy() {
    if (live.last?.busy) {
      this.#touched = performance.now();
      this.hidden = true;
    }
  }

  #watch() {
    if (this.#atStart || live.last === null || live.last.busy) {
      this.#touched = performance.now();
      this.hidden = true;
      return;
    }
    const quiet = (performance.now() - this.#touched) / 1000;
    const limit = Number(this.dataset.quiet);
    if (quiet > limit + Number(this.dataset.ring)) this.#leave();
    else if (quiet > limit && this.hidden) this.#ask();
  }

  #ask() {
    this.hidden = false;
    play("attention");
  }

  async #leave() {
    this.#touched = performance.now();
    this.hidden = true;
    const answer = await fetch("/leave", { method: "POST", body: new URLSearchParams({ idle: "1" }) }).catch(() => null);
    if (answer?.ok) location.replace("/");
  }
}

customElements.define("idle-ring", IdleRing);
