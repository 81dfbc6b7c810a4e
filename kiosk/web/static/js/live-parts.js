// The parts of a page that follow the stream between two drawings of the page: weight, hint, marks.

import { live, say } from "./live.js";

export class LivePart extends HTMLElement {
  #show = () => this.show(live.last);

  connectedCallback() {
    live.addEventListener("message", this.#show);
    live.addEventListener("lost", this.#show);
    // A part of a page that was just swapped in starts with what is known, not with dashes.
    if (live.last !== null) this.show(live.last);
  }

  disconnectedCallback() {
    live.removeEventListener("message", this.#show);
    live.removeEventListener("lost", this.#show);
  }
}

/** The weight. Painted in the task that received it: waiting for an animation frame would only make it older. */
class LiveWeight extends LivePart {
  #lostWords = null;

  connectedCallback() {
    const word = this.querySelector(".weight-word");
    this.#lostWords ??= [word.querySelector(".main").textContent, word.querySelector(".second").textContent];
    super.connectedCallback();
  }

  show(message) {
    const weight = message?.weight ?? { state: "lost", text: "", word: this.#lostWords };
    if (this.dataset.state !== weight.state) this.dataset.state = weight.state;
    this.classList.toggle("none", weight.text === "");
    const digits = this.querySelector("[data-part=text]");
    const text = weight.text || "– – –";
    if (digits.textContent !== text) digits.textContent = text;
    say(this.querySelector(".weight-word"), weight.word);
  }
}

/** What to do about the pan now; hidden when there is nothing to do. */
class LiveHint extends LivePart {
  show(message) {
    const why = message?.weight.why ?? null;
    this.hidden = why === null;
    if (why !== null) say(this, why);
  }
}

/** Scale, printer, link. */
class LiveMarks extends LivePart {
  show(message) {
    if (message === null) return;
    for (const mark of this.querySelectorAll("[data-mark]")) {
      const { word, text } = message.marks[mark.dataset.mark];
      if (mark.dataset.word === word) continue;
      mark.dataset.word = word;
      const name = mark.getAttribute("aria-label").split(":")[0];
      mark.setAttribute("aria-label", `${name}: ${text[0]}`);
    }
  }
}

customElements.define("live-weight", LiveWeight);
customElements.define("live-hint", LiveHint);
customElements.define("live-marks", LiveMarks);
