// What the villager hears of the stream. A sound belongs to a change: the first message of a page only says where
// things stand, so that a page that was loaded again repeats nothing.

import { play } from "./earcons.js";
import { live } from "./live.js";

const OPEN = new Set(["who", "what", "agree"]);
const isLocked = (message) => message.step === "agree" && message.weight.state === "locked";

/** The sound of the way from one message to the next, or null. */
export function earconOf(before, now) {
  const turned = (state) => now.weight.state === state && before.weight.state !== state;
  if (turned("overload") || (turned("lost") && OPEN.has(now.step))) return "attention";
  if (now.checked && now.notice > before.notice) return now.checked;
  if (now.clerk_called && now.notice > before.notice) return "attention";
  if (now.step === "take" && before.step !== "take") return "ok";
  return isLocked(now) && !isLocked(before) ? "ok" : null;
}

let before = null;

function hear(now) {
  const name = before === null ? null : earconOf(before, now);
  before = now;
  if (name !== null) play(name);
}

/** From now on changes are heard. */
export function followSounds() {
  live.addEventListener("message", () => hear(live.last));
  // A stream that fell silent leaves no weight on the screen, which is what a scale that fell silent does.
  live.addEventListener("lost", () => {
    if (before !== null) hear({ ...before, weight: { ...before.weight, state: "lost" } });
  });
}
