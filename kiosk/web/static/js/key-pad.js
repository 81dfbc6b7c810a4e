// The digit pad. Without this file every key is a link to the page with one digit more; with it nothing is fetched.

class KeyPad extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.#press(event));
  }

  #press(event) {
    const key = event.target.closest("[data-key]");
    if (!key) return;
    event.preventDefault();
    const typed = this.dataset.typed ?? "";
    this.dataset.typed = key.dataset.key === "delete"
      ? typed.slice(0, -1)
      : (typed + key.dataset.key).slice(0, Number(this.dataset.length));
    this.#show();
  }

  #show() {
    const typed = this.dataset.typed;
    this.querySelectorAll(".slot").forEach((slot, place) => { slot.textContent = typed[place] ?? ""; });
    this.querySelector("[name=party]").value = typed;
    this.querySelector(".primary").disabled = typed.length < Number(this.dataset.length);
  }
}

customElements.define("key-pad", KeyPad);
