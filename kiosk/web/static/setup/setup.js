// The first start. Every page works without this file, except that then it does not look again by itself.

import { guardKeys } from "../js/key-guard.js";

const SAME_TAP_MS = 400;
const SLOW_MS = 300;
const LOOK_MS = 400;
const ALIVE_MS = 5000;
const AWAIT_MS = 500;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
let lastTap = -Infinity;
let sending = false;
let finger = false;

/** The part of a screen that the server draws anew while something happens: a scale reads, a printer prints. */
class LivePiece extends HTMLElement {
  #shown = null;

  connectedCallback() {
    this.#follow();
  }

  async #follow() {
    while (this.isConnected) {
      await pause(LOOK_MS);
      const answer = await fetch(this.dataset.src).catch(() => null);
      if (answer?.status === 410) location.replace("/setup");
      if (answer?.ok) this.#put(await answer.text());
    }
  }

  #put(text) {
    // A button must not be replaced under a finger: its click would be lost.
    if (text === this.#shown || finger || sending) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    this.replaceChildren(...[...page.body.childNodes].map((node) => document.adoptNode(node)));
    this.#shown = text;
  }
}

/** Keys on the screen. Without this file every key asks the server for the page with one character more. */
class SetupPad extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.#press(event));
  }

  #press(event) {
    const key = event.target.closest("[data-key]");
    if (!key) return;
    event.preventDefault();
    const field = this.querySelector("[name=value]");
    const char = key.dataset.key;
    if (char === "delete") field.value = field.value.slice(0, -1);
    else if (char !== " " || field.value) field.value = (field.value + char).slice(0, Number(this.dataset.length));
    this.querySelector("[data-part=typed]").textContent =
      "secret" in this.dataset ? "•".repeat(field.value.length) : field.value;
    this.querySelector("[name=go]").disabled = field.value.length < Number(this.dataset.least);
  }
}

/** How large the screen is: only the browser knows. */
class ScreenSize extends HTMLElement {
  connectedCallback() {
    this.querySelector("[name=width_px]").value = String(innerWidth);
    this.querySelector("[name=height_px]").value = String(innerHeight);
  }
}

/** The last page: says that it is on the screen, waits for the station, and goes to the technician's page. */
class StationAwaited extends HTMLElement {
  async connectedCallback() {
    await fetch("/setup/leave", { method: "POST" }).catch(() => null);
    for (;;) {
      await pause(AWAIT_MS);
      const answer = await fetch(this.dataset.health).catch(() => null);
      if (answer?.ok) break;
    }
    location.replace(this.dataset.then);
  }
}

/** One tap is one act: what follows within 400 ms is a trembling finger. Keys may be as quick as they like. */
function swallow(event) {
  const target = event.target.closest?.("button, a");
  if (!target) return;
  if (target.classList.contains("key")) {
    lastTap = -Infinity; // whoever types in between does not tremble
    return;
  }
  if (sending || event.timeStamp - lastTap < SAME_TAP_MS) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  lastTap = event.timeStamp;
}

function dismiss(event) {
  if (!event.target.closest?.("[data-dismiss]")) return;
  event.preventDefault();
  document.querySelector("[data-scrim]")?.remove();
}

function send(event) {
  sending = true;
  const pressed = event.submitter;
  setTimeout(() => pressed?.classList.add("waiting"), SLOW_MS);
}

/** The page lives; and it hears when the settings file has come by another way. */
async function tell() {
  const question = document.querySelector("[data-question]")?.dataset.question ?? "done";
  const answer = await fetch(`/setup/alive?question=${question}`, { method: "POST" }).catch(() => null);
  if (answer?.status === 205 && !sending) location.replace("/setup");
}

guardKeys();
document.addEventListener("click", swallow, { capture: true });
document.addEventListener("click", dismiss);
document.addEventListener("submit", send);
document.addEventListener("pointerdown", () => { finger = true; }, { capture: true });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => { finger = false; }, SLOW_MS), { capture: true });
}
customElements.define("live-piece", LivePiece);
customElements.define("setup-pad", SetupPad);
customElements.define("screen-size", ScreenSize);
customElements.define("station-awaited", StationAwaited);
setInterval(tell, ALIVE_MS);
