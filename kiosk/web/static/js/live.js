// One EventSource for the whole page. Components listen here, and read `live.last` when they appear.

const SILENCE_MS = 1500;
const CHECK_MS = 250;

class Live extends EventTarget {
  /** @type {object | null} The newest message, or null when nothing may be believed any more. */
  last = null;
  #heard = 0;
  #path = "";
  #timer = 0;
  /** @type {EventSource | null} */
  #source = null;
  #look = () => this.#watch();

  /** Listen to the stream of this face. */
  start(path = "/live") {
    if (this.#path === path) return;
    this.stop();
    this.#path = path;
    this.#open();
    this.#timer = setInterval(() => this.#watch(), CHECK_MS);
    document.addEventListener("visibilitychange", this.#look);
  }

  /** Listen no more. */
  stop() {
    this.#source?.close();
    this.#path = "";
    this.last = null;
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
  }

  #open() {
    this.#source?.close();
    this.#heard = performance.now();
    const language = encodeURIComponent(document.documentElement.lang);
    const source = new EventSource(`${this.#path}?lang=${language}`);
    source.onmessage = (event) => this.#take(event.data);
    source.addEventListener("beat", () => this.#beat());
    this.#source = source;
  }

  #take(data) {
    this.#heard = performance.now();
    this.last = JSON.parse(data);
    this.dispatchEvent(new Event("message"));
  }

  /** A stream that speaks again after too long a silence has not said where things stand: ask anew. */
  #beat() {
    this.#heard = performance.now();
    if (this.last === null) this.#open();
  }

  #watch() {
    const silent = performance.now() - this.#heard > SILENCE_MS;
    if (silent && this.last !== null) {
      this.last = null;
      this.dispatchEvent(new Event("lost"));
    }
    // A stream refused once (readyState 2) never tries again by itself; one that hangs does not know it.
    if (silent && (this.#source?.readyState === EventSource.CLOSED || performance.now() - this.#heard > 2 * SILENCE_MS)) {
      this.#open();
    }
  }

  /** The language of the page has changed: ask for the words in the new one. */
  restart() {
    this.#open();
  }
}

export const live = new Live();

/** Put a text in two languages into the two halves of `.both`; the language of each half is fixed by the page. */
export function say(element, pair) {
  const [main, second] = pair;
  const halves = [element.querySelector(".main"), element.querySelector(".second")];
  if (halves[0] && halves[0].textContent !== main) halves[0].textContent = main;
  if (halves[1] && halves[1].textContent !== second) halves[1].textContent = second;
}
