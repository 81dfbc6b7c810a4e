// Says fault words without leaving the page, and keeps the page true: one look a second.
const PERIOD_MS = 1000;
const TIMEOUT_MS = 6000;
const at = (id) => document.getElementById(id);
const notice = at("notice");

function tell(text) {
  notice.textContent = text;
  notice.hidden = text === "";
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function picture(src, className) {
  const image = make("img", className);
  image.src = src;
  image.alt = "";
  return image;
}

// --- saying ---------------------------------------------------------------------------------------------------------

async function say(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch("/word", { method: "POST", body, headers: { Accept: "application/json" } });
    tell(answer.ok ? "" : (await answer.json()).error ?? `The bench answers ${answer.status}.`);
    if (answer.ok && form.dataset.scanned) at("scanned").textContent = `${form.dataset.scanned} was read.`;
  } catch {
    tell("The bench does not answer: is the demo still running?");
  } finally {
    button.disabled = false;
  }
  await look();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-say]")) return;
  event.preventDefault();
  say(event.target);
});

// --- showing --------------------------------------------------------------------------------------------------------

function showPan(pan) {
  at("load").textContent = pan.text;
  const goods = at("goods");
  goods.hidden = pan.picture === "";
  const src = `/drawings/${pan.picture}.svg`;
  if (!goods.hidden && goods.getAttribute("src") !== src) goods.src = src;
}

function showWords(words) {
  for (const [device, said] of Object.entries(words)) {
    const names = new Set(said.map((text) => text.split(" ")[0]));
    for (const chip of document.querySelectorAll(`[data-device=${device}] .chip`)) {
      chip.classList.toggle("in-force", names.has(chip.dataset.word));
    }
    const now = document.querySelector(`[data-now=${device}]`);
    if (now) now.textContent = said.join(" · ");
  }
}

function showPanel(lamps) {
  for (const lamp of document.querySelectorAll("[data-lamp]")) {
    const state = lamps?.[lamp.dataset.lamp] ?? "dark";
    lamp.dataset.state = state;
    lamp.querySelector("small").textContent = state === "dark" ? "no power" : state;
  }
}

const CAMERA_WORDS = { frozen: "freeze", unplugged: "unplug" };

function showCamera(camera) {
  const [scene, ...flags] = camera.state === "unplugged" ? ["", "unplugged"] : camera.state.split(" ");
  showWords({ camera: flags.map((flag) => CAMERA_WORDS[flag] ?? flag) });
  for (const button of document.querySelectorAll("[data-scene]")) {
    button.classList.toggle("chosen", button.dataset.scene === scene);
  }
  const seen = at("seen");
  seen.hidden = camera.version === null;
  at("unseen").hidden = !seen.hidden;
  const src = `/camera.jpg?v=${camera.version}`;
  if (!seen.hidden && seen.getAttribute("src") !== src) seen.src = src;
}

function paper(printer, name) {
  const link = make("a", "slip");
  link.href = `/paper/${printer}/${encodeURIComponent(name)}`;
  link.target = "_blank";
  link.rel = "noopener";
  link.dataset.name = name;
  const image = picture(link.href, "");
  image.alt = `${printer} ${name}`;
  link.append(image);
  return link;
}

function showPapers(papers) {
  for (const [printer, names] of Object.entries(papers)) {
    const tray = document.querySelector(`[data-papers=${printer}]`);
    const shown = [...tray.querySelectorAll(".slip")].map((slip) => slip.dataset.name);
    if (shown.join() === names.join()) continue;
    const kept = new Map([...tray.querySelectorAll(".slip")].map((slip) => [slip.dataset.name, slip]));
    tray.replaceChildren(...names.map((name) => kept.get(name) ?? paper(printer, name)));
    tray.scrollTop = 0;
  }
}

function showWay(state) {
  const link = state.words.link[0] ?? "up";
  const denies = state.words.broker.includes("deny");
  const nodes = {
    station: state.station.answers ? "good" : "bad",
    link: link === "up" ? "good" : link === "down" ? "bad" : "poor",
    broker: !state.broker ? "bad" : denies ? "poor" : "good",
    wire: state.broker && !denies && state.center.answers ? "good" : "bad",
    center: state.center.answers ? "good" : "bad",
  };
  for (const [name, word] of Object.entries(nodes)) document.querySelector(`[data-node=${name}]`).dataset.state = word;
  const waiting = at("waiting");
  const { answers, pending } = state.station;
  waiting.dataset.state = !answers ? "bad" : pending ? "poor" : "good";
  waiting.textContent = !answers ? "The station is not answering."
    : pending === null ? "The station has not counted its events yet."
    : pending ? `${pending} event${pending === 1 ? "" : "s"} kept at the station, waiting to be acknowledged.`
    : "Everything the station has is in the ledger.";
}

function row(said) {
  const line = make("li", said.voided ? "void" : "");
  const what = make("span", "what", said.product);
  what.append(make("small", "", said.receipt));
  const much = make("span", "much", said.net);
  much.append(make("small", "", said.amount));
  line.append(picture(`/drawings/${said.picture}.svg`, "row-pic"), what, much);
  return line;
}

let rowsShown = "";

function showLedger(center) {
  at("silent-center").hidden = center.answers;
  at("sums").hidden = !center.answers;
  if (!center.answers) return;
  for (const sum of document.querySelectorAll("[data-sum]")) sum.textContent = center[sum.dataset.sum];
  const rows = JSON.stringify(center.rows);
  if (rows === rowsShown) return;
  rowsShown = rows;
  at("rows").replaceChildren(...(center.rows.length ? center.rows.map(row) : [make("li", "none", "No intake yet.")]));
}

// Read out by a screen reader: only what is new is written.
function showCounty(news) {
  at("county").hidden = !news;
  if (at("county").textContent !== news) at("county").textContent = news;
}

let looking = false;

async function look() {
  if (looking) return;
  looking = true;
  try {
    const answer = await fetch("/state.json", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const state = await answer.json();
    showPan(state.pan);
    showWords(state.words);
    showCamera(state.camera);
    showPapers(state.papers);
    showPanel(state.panel);
    showWay(state);
    showLedger(state.center);
    showCounty(state.county);
    document.body.classList.remove("old");
  } catch {
    document.body.classList.add("old");
  } finally {
    looking = false;
  }
}

async function loop() {
  if (!document.hidden) await look();
  setTimeout(loop, PERIOD_MS);
}

loop();
