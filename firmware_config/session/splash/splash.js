// Asks the splash server whether the station answers, and goes there when it does. Keys are guarded here as well.

import { guardKeys } from "./key-guard.js";

const ASK_MS = 500;
const LATE_MS = 90_000;
const begun = performance.now();
let missing, held;

async function ask() {
  try {
    const answer = await (await fetch("state", { cache: "no-store" })).json();
    ({ missing, held } = answer);
    if (answer.station) {
      location.replace(answer.station);
      return;
    }
  } catch {
    // The server of this very page is being restarted: ask again.
  }
  const late = performance.now() - begun > LATE_MS ? (held ?? "late") : "starting";
  document.body.dataset.state = missing === "data" ? "data" : late;
  setTimeout(ask, ASK_MS);
}

guardKeys();
ask();
