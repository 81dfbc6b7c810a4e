// What the clerk hears: each scan once, when its answer is on the screen, and that somebody or something waits for a
// decision. What the page shows decides; a page that was loaded again repeats nothing.

import { play } from "./earcons.js";
import { screen } from "./page-swap.js";

const WAITING = ["scan", "intakes"]; // badges of what a clerk decides; papers come and go by themselves
let known = null;
let waited = null;

/** The first page that knows a scan: that one was heard before, or by somebody else. */
export function knowScan(page) {
  known ??= page.dataset.scan ?? null;
}

/** The sound of what came of a scan, by the page that shows it. */
export function earconOf(page) {
  const slip = page.querySelector("[data-earcon]");
  if (slip !== null) return slip.dataset.earcon;
  const result = page.querySelector(".result");
  if (result === null) return "ok";
  if (result.matches(".result-bad")) return result.querySelector("[action='/counter/arrive']") ? "attention" : "error";
  return result.matches(".result-known, .result-handover") ? "attention" : "ok";
}

/** A scan has been answered; `response` is null when its answer did not reach the screen. */
export function hearScan(response) {
  const page = screen();
  if (response === null || page === null) return;
  if (!response.ok) {
    play("error");
  } else if (page.dataset.scan !== known) {
    known = page.dataset.scan ?? known;
    play(earconOf(page));
  }
}

/** The badges of the newest message. */
export function hearCounts(counts) {
  const more = waited !== null && WAITING.some((name) => Number(counts[name]) > Number(waited[name]));
  waited = counts;
  if (more) play("attention");
}
