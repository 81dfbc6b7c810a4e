// Brings the page up to date every two seconds. Without this script the page reloads itself.
const PERIOD_MS = 2000;
const TIMEOUT_MS = 8000;
const live = document.getElementById("live");
const stale = document.getElementById("stale");
let etag = "";

async function refresh() {
  const headers = etag ? { "If-None-Match": etag } : {};
  const answer = await fetch(live.dataset.source, { headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status === 304) return;
  if (!answer.ok || answer.redirected) throw new Error(`status ${answer.status}`);
  const html = await answer.text();
  etag = answer.headers.get("ETag") ?? "";
  const folds = [...live.querySelectorAll("details")].map((details) => [details.id, details.open]);
  const at = live.contains(document.activeElement) ? document.activeElement : null;
  const [href, within] = [at?.getAttribute("href"), at?.closest("details")?.id];
  // The server escaped every value; the policy of the page forbids scripts in it all the same.
  live.innerHTML = html;
  // Who reads with the keyboard stays where they were.
  for (const [id, open] of folds) document.getElementById(id)?.toggleAttribute("open", open);
  if (href) live.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  else if (within) document.getElementById(within)?.querySelector("summary")?.focus({ preventScroll: true });
}

async function loop() {
  try {
    if (!document.hidden) await refresh();
    stale.hidden = true;
    live.classList.remove("old");
  } catch {
    stale.hidden = false;
    live.classList.add("old");
  }
  setTimeout(loop, PERIOD_MS);
}

setTimeout(loop, PERIOD_MS);
