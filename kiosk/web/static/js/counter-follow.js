// Follows the counter: a scan leads to its page from wherever the clerk is, the home of the counter is drawn again
// whenever something on it changed, and every other page only gets its numbers and marks. Pads are never taken away.

import { hearCounts, hearScan, knowScan } from "./counter-sounds.js";
import { live } from "./live.js";
import { isActing, load, screen, swapPages } from "./page-swap.js";

const SETTLE_MS = 150;
const AGAIN_MS = 2000;
/** A heartbeat that is only late is no end: the stream has this long to speak again before a pad is taken away. */
const DOUBT_MS = 600;
let redrawing = false;
/** The last scan whose page was on the screen. A page that was drawn for another reason says nothing of that. */
let shown = null;

class CounterFollow extends HTMLElement {
  #check = () => this.check();
  #again = () => this.#ask();
  #doubt = () => setTimeout(this.#again, DOUBT_MS);
  #stay = () => this.#wait();
  #away = 0;

  connectedCallback() {
    knowScan(this);
    if (this.dataset.stream === undefined) {
      live.stop();
      document.addEventListener("pointerdown", this.#stay);
      this.#wait();
      return;
    }
    live.start(this.dataset.stream);
    live.addEventListener("message", this.#check);
    live.addEventListener("lost", this.#doubt);
    this.check();
    // The answer to a post may be newer than the last message: look again when the stream has had its turn.
    setTimeout(this.#check, SETTLE_MS);
  }

  disconnectedCallback() {
    live.removeEventListener("message", this.#check);
    live.removeEventListener("lost", this.#doubt);
    document.removeEventListener("pointerdown", this.#stay);
    clearTimeout(this.#away);
  }

  /** A door nobody opens: where there is one screen for both, it belongs to the villagers again. */
  #wait() {
    clearTimeout(this.#away);
    if (this.dataset.away) this.#away = setTimeout(() => location.assign("/"), Number(this.dataset.away) * 1000);
  }

  /** The stream has ended: the counter locked itself, or the station is away. The page's own address tells. */
  #ask() {
    if (!this.isConnected || live.last !== null) return;
    if (!isActing()) load(new Request(location.href));
    setTimeout(this.#again, AGAIN_MS);
  }

  check() {
    const now = live.last;
    if (now === null || !this.isConnected) return;
    shown ??= this.dataset.scan;
    this.#mark(now);
    hearCounts(now.counts);
    if (isActing() || redrawing) return;
    const address = this.#wanted(now);
    if (address === null) return;
    const scanned = now.scan !== shown;
    redrawing = true;
    load(new Request(address)).then((response) => {
      if (scanned) hearScan(response);
    }).finally(() => {
      redrawing = false;
      if (address === now.path && Number(screen()?.dataset.n) >= now.n) shown = now.scan;
      screen()?.check();
    });
  }

  /** Where to go now, or null to stay. An older message than the page knows nothing new. */
  #wanted(now) {
    if (now.n < Number(this.dataset.n)) return null;
    if (this.dataset.follow === "hold" || now.path === "") shown = now.scan;
    if (this.dataset.follow === "hold") return null;
    if (now.scan !== shown) return now.path;
    const stale = this.dataset.follow === "all" && now.drawn !== this.dataset.drawn;
    return stale ? location.href : null;
  }

  #mark(now) {
    for (const [name, count] of Object.entries(now.counts)) {
      const badge = this.querySelector(`[data-count="${name}"]`);
      if (!badge) continue;
      badge.hidden = count === "";
      if (badge.textContent !== count) badge.textContent = count;
    }
  }
}

export function followCounter() {
  swapPages("counter-follow");
  customElements.define("counter-follow", CounterFollow);
}
