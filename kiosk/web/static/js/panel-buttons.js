// The two buttons beside the screen do what the screen's own buttons do: OK is the one large button that lies on top,
// help is the corner. A press only acts when it comes after the page; a screen with two answers has no OK.

import { live } from "./live.js";
import { screen } from "./page-swap.js";

let seen = null;

function ontop() {
  const asked = document.querySelector("idle-ring:not([hidden])") ?? screen()?.querySelector(".scrim:not([hidden])");
  return asked ?? screen()?.querySelector("main") ?? null;
}

const touches = {
  ok() {
    const large = ontop()?.querySelectorAll(".primary:not([disabled])") ?? [];
    if (large.length === 1) large[0].click();
  },
  help() {
    screen()?.querySelector(".rail a.corner")?.click();
  },
};

/** From now on presses act. */
export function hearButtons() {
  live.addEventListener("message", () => {
    const now = live.last;
    if (now === null) return;
    const before = seen;
    seen = now.press;
    // A smaller number is that of a station which has started anew.
    if (before !== null && now.press > before) touches[now.button]?.();
  });
}
