// The mat while goods are laid on it: the newest small picture, at most five a second while the page is seen, and
// drawings of what is not as it should be yet. Without a picture the drawing beside it stands, as without this file.

const PACE_MS = 200;
const NONE_YET_MS = 500;
const AWAY_MS = 2000;
const MOST_LIGHTS = 2;

class MatView extends HTMLElement {
  #timer = 0;
  #address = "";

  connectedCallback() {
    this.#next(0);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#put("");
  }

  #next(pause) {
    clearTimeout(this.#timer);
    if (this.isConnected) this.#timer = setTimeout(() => this.#look(), pause);
  }

  async #look() {
    if (document.hidden) return this.#next(AWAY_MS);
    try {
      const answer = await fetch(this.dataset.address, { redirect: "manual" });
      const seen = answer.status === 200;
      const address = seen ? URL.createObjectURL(await answer.blob()) : "";
      if (seen) await this.#decoded(address);
      this.#put(address);
      this.#light(seen ? answer.headers.get("Lights").split(" ") : []);
      this.#next(seen ? PACE_MS : answer.ok ? NONE_YET_MS : AWAY_MS);
    } catch {
      this.#put("");
      this.#next(AWAY_MS);
    }
  }

  /** A picture that is not ready would flicker. */
  #decoded(address) {
    const picture = new Image();
    picture.src = address;
    return picture.decode();
  }

  #put(address) {
    const shown = this.isConnected ? address : "";
    for (const old of [this.#address, address]) if (old && old !== shown) URL.revokeObjectURL(old);
    this.#address = shown;
    this.hidden = shown === "";
    if (shown) this.querySelector("image").setAttribute("href", shown);
  }

  #light(names) {
    const lit = names.slice(0, MOST_LIGHTS);
    for (const drawing of this.querySelectorAll("[data-light]")) drawing.hidden = !lit.includes(drawing.dataset.light);
  }
}

customElements.define("mat-view", MatView);
