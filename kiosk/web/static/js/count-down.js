// Seconds that run out: of a scan that can still be taken back, of a lock, of a check, of a verdict. The server said how
// many milliseconds were left when it drew the page; when they are over the page is drawn again, after what is to be
// said of it (data-post). A station that does not answer is asked again.

import { load } from "./page-swap.js";

const TURN_MS = 200;
const AGAIN_MS = 1000;

class CountDown extends HTMLElement {
  #end = 0;
  #timer = 0;

  connectedCallback() {
    this.#end = performance.now() + Number(this.dataset.ms);
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  #turn() {
    const left = Math.max(0, Math.ceil((this.#end - performance.now()) / 1000));
    const minutes = this.dataset.minutes !== undefined;
    const text = minutes ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : String(left);
    const digits = this.querySelector(":scope > bdi");
    if (digits && digits.textContent !== text) digits.textContent = text;
    if (left > 0) return;
    clearInterval(this.#timer);
    this.#draw();
  }

  async #draw() {
    const { post } = this.dataset;
    const answer = await load(post ? new Request(post, { method: "POST" }) : new Request(location.href));
    if (answer === null && this.isConnected) this.#timer = setTimeout(() => this.#draw(), AGAIN_MS);
  }
}

customElements.define("count-down", CountDown);
