// A pad for touch: PIN, pickup code, a code read from a torn label, a name. What is typed stands in one hidden field
// of its own form and nowhere else: it is never part of an address, and it is gone with the page.

class TouchPad extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.#press(event.target.closest("[data-key]")));
    this.addEventListener("change", () => this.#show());
    this.#show();
  }

  get #field() {
    return this.querySelector("[data-typed]");
  }

  #press(key) {
    if (!key) return;
    const typed = [...this.#field.value];
    if (key.dataset.key === "delete") typed.pop();
    else if (typed.length < Number(this.dataset.most)) typed.push(key.dataset.key);
    this.#field.value = typed.join("");
    this.#show();
  }

  #show() {
    const typed = [...this.#field.value];
    const secret = this.dataset.secret !== undefined;
    const slots = this.querySelectorAll(".slot");
    slots.forEach((slot, place) => {
      slot.textContent = secret && place < typed.length ? "•" : typed[place] ?? "";
    });
    const line = this.querySelector("[data-line]");
    if (line) line.textContent = typed.join("");
    const ready = typed.length >= Number(this.dataset.least) && this.#chosen;
    this.querySelector("[data-go]").disabled = !ready;
  }

  /** A pad that also asks who it is needs an answer to that. */
  get #chosen() {
    const people = this.querySelectorAll("input[type=radio]");
    return people.length === 0 || [...people].some((person) => person.checked);
  }
}

customElements.define("touch-pad", TouchPad);
