// A layout is drawn while its rows are typed: one question at a time, the newest rows last. Rows that are no layout show
// why, and the last good picture stays, pale while it is not that of the rows. Without this file *Look* does the same.

const QUIET_MS = 300;
const PATIENCE_MS = 10000;

class LayoutPreview {
  #form;
  #rows;
  #timer = 0;
  #asking = false;
  #again = false;

  constructor(form) {
    this.#form = form;
    this.#rows = form.elements.text;
    this.#rows.addEventListener("input", () => this.#typed());
  }

  #typed() {
    this.#part(".layout-picture").classList.add("stale");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(), QUIET_MS);
  }

  async #draw() {
    this.#again = this.#asking;
    if (this.#asking) return;
    this.#asking = true;
    do {
      this.#again = false;
      const rows = this.#rows.value;
      const answer = await drawn(this.#form.dataset.draw, this.#form.elements.kind.value, rows);
      this.#show(answer, rows === this.#rows.value);
    } while (this.#again);
    this.#asking = false;
  }

  #show({ picture, said, problem }, newest) {
    if (picture) this.#put(picture, newest);
    if (!picture && !problem) return;
    const why = this.#part(".layout-problem");
    why.hidden = !problem;
    why.firstElementChild.textContent = said ?? "";
    why.lastElementChild.textContent = problem ?? "";
    this.#rows.setAttribute("aria-invalid", String(Boolean(problem)));
  }

  #put(picture, newest) {
    const image = this.#part(".layout-picture");
    const before = image.src;
    image.src = URL.createObjectURL(picture);
    image.classList.toggle("stale", !newest);
    URL.revokeObjectURL(before);
    const told = this.#part(".told");
    told.textContent = told.dataset.draft;
  }

  #part(name) {
    return this.#form.querySelector(name);
  }
}

/** The picture, or the problem; neither while the station does not answer or has locked the page. */
async function drawn(address, kind, text) {
  try {
    const body = new URLSearchParams({ kind, text });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(address, { method: "POST", body, redirect: "error", signal });
    if (answer.ok) return { picture: await answer.blob() };
    if (answer.status === 409) return await answer.json();
  } catch {
    // The picture stays pale, and *Look* is there.
  }
  return {};
}

export function followLayout() {
  const form = document.querySelector("form[data-draw]");
  if (form) new LayoutPreview(form);
}
