// Follows the desk: swaps the screen when the server says that another one is to be drawn.

import { live } from "./live.js";
import { isActing, load, screen, swapPages } from "./page-swap.js";

const SETTLE_MS = 150;
let redrawing = false;

class ScreenFollow extends HTMLElement {
  #check = () => this.check();

  connectedCallback() {
    live.addEventListener("message", this.#check);
    this.check();
    // The answer to a post may be newer than the last message: look again when the stream has had its turn.
    setTimeout(this.#check, SETTLE_MS);
  }

  disconnectedCallback() {
    live.removeEventListener("message", this.#check);
  }

  check() {
    const now = live.last;
    if (now === null || isActing() || redrawing || !this.isConnected) return;
    const stale = this.dataset.follow === "step" ? now.step !== this.dataset.step : now.drawn !== this.dataset.drawn;
    // What came of a scan: the newest notice lies over the screen, or leads to the parcel it was about.
    const told = String(now.notice) !== this.dataset.notice && now.notice > 0;
    if (!stale && !told) return;
    const stays = this.dataset.step === now.step;
    redrawing = true;
    const address = told ? `${now.notice_path}?notice=${now.notice}` : stays ? location.href : now.path;
    load(new Request(address)).finally(() => {
      redrawing = false;
      setTimeout(() => screen()?.check(), SETTLE_MS);
    });
  }
}

export function followScreens() {
  swapPages("screen-follow");
  customElements.define("screen-follow", ScreenFollow);
}
