// Asks the splash server whether the station answers, and goes there when it does. Keys are guarded here as well.

import { guardKeys } from "./key-guard.js";

const ASK_MS = 500;
const LATE_MS = 90_000;
const begun = performance.now();

async function ask() {
  try {
    const answer = await (await fetch("state", { cache: "no-store" })).json();
    if (answer.station) {
      location.replace(answer.station);
      return;
    }
  } catch {
    // The server of this very page is being restarted: ask again.
  }
  if (performance.now() - begun > LATE_MS) document.body.dataset.state = "late";
  setTimeout(ask, ASK_MS);
}

guardKeys();
ask();
