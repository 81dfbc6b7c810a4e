// Pages without leaving the page, so that the one stream stays open: a link or a form is fetched, and the screen of
// the answer takes the place of this one. If anything here fails, the browser simply goes to the address.

import { play } from "./earcons.js";

const SAME_TAP_MS = 400;
let root = "";
let lastTap = -Infinity;
let acting = false;
let turn = 0;

/** The screen on the page. @returns {HTMLElement | null} */
export const screen = () => document.querySelector(root);

/** Whether a person's act is waiting for its answer. */
export const isActing = () => acting;

/** A person's act: until it is answered, further taps are the same act. A mere redrawing never costs a tap. */
export async function act(request) {
  acting = true;
  try {
    const response = await load(request);
    if (response?.ok === false) play("error");
  } finally {
    acting = false;
  }
}

/** Fetch a page and put its screen in the place of this one. Returns the answer, or null when it is not on the screen. */
export async function load(request) {
  const mine = ++turn;
  try {
    const response = await fetch(request);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    // An answer that was overtaken by a later request would put an old screen over a newer one.
    if (mine !== turn) return null;
    swap(page, response);
    return response;
  } catch {
    // The server is gone. The stream notices when it is back, and then this screen is checked again.
    screen()?.querySelectorAll(".pressed").forEach((element) => element.classList.remove("pressed"));
    return null;
  }
}

/** A card that was not there before. One that stays while the screen below it is drawn again has been heard. */
function isNewCard(here, next) {
  if (next.querySelector(".scrim") === null) return false;
  return here.querySelector(".scrim") === null || here.dataset.notice !== next.dataset.notice;
}

function swap(page, response) {
  const next = page.querySelector(root);
  const here = screen();
  if (next === null || here === null) {
    location.assign(response.url);
    return;
  }
  if (document.documentElement.lang !== page.documentElement.lang) {
    location.replace(response.url);
    return;
  }
  if (response.ok && isNewCard(here, next)) play("attention");
  here.replaceWith(document.adoptNode(next));
  // A refused post answers with the screen as it is: its address is that of the screen, not of the act.
  history.replaceState(null, "", response.ok ? response.url : next.dataset.here);
}

/** One tap is one act: what follows within 400 ms is a trembling finger, also when the screen changed under it. */
function swallow(event) {
  const target = event.target.closest?.("button, a, label");
  if (!target) return;
  if (acting || event.timeStamp - lastTap < SAME_TAP_MS) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (target.matches("button, a") && !target.classList.contains("key")) {
    lastTap = event.timeStamp;
    target.classList.add("pressed");
  }
}

function send(event) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const address = event.submitter?.getAttribute("formaction") ?? form.action;
  act(new Request(address, { method: "POST", body }));
}

function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || link.origin !== location.origin) return;
  event.preventDefault();
  act(new Request(link.href));
}

/** From now on taps act inside the page. `name` is the tag of the element that is swapped. */
export function swapPages(name) {
  root = name;
  document.addEventListener("click", swallow, { capture: true });
  document.addEventListener("click", follow);
  document.addEventListener("submit", send);
}
