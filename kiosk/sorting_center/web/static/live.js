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
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const html = await answer.text();
  etag = answer.headers.get("ETag") ?? "";
  // The server escaped every value; the policy of the page forbids scripts in it all the same.
  live.innerHTML = html;
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
