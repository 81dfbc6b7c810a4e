// Keys and gestures that would leave the screen: a scanner that acts as a keyboard can send any of them (Ctrl+O from
// a crafted bar code), and so can a keyboard somebody plugs in. Single characters pass, for they do nothing here and
// may be a scan: only chords, named keys, and what a mouse or a finger can do to a page are stopped.

const HARMLESS = /^(?:.|Enter|Tab|Backspace)$/u;
const BACK_AND_FORWARD = new Set([3, 4]);
const GESTURES = ["contextmenu", "dragstart", "dragover", "drop", "selectstart", "copy", "cut", "paste", "auxclick"];

const leads = (event) => event.ctrlKey || event.altKey || event.metaKey || !HARMLESS.test(event.key);

function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

export function guardKeys() {
  const listen = (name, wrong) => document.addEventListener(name, (event) => {
    if (wrong(event)) stop(event);
  }, { capture: true, passive: false });

  listen("keydown", leads);
  listen("keyup", leads);
  listen("wheel", (event) => event.ctrlKey || event.metaKey);
  listen("touchmove", (event) => event.touches.length > 1);
  for (const name of ["mousedown", "mouseup"]) {
    listen(name, (event) => event.button === 1 || BACK_AND_FORWARD.has(event.button));
  }
  for (const name of GESTURES) listen(name, () => true);
}
