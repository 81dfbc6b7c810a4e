// The table of prices as a spreadsheet: arrows, Enter, a block pasted from another program, what a change amounts to.
// Without this script the table is a form.
const table = document.querySelector(".prices");
const notice = document.getElementById("pasted");
const PRICE = /^[¥￥]?\s*(\d{1,7})(?:\.(\d{1,2}))?$/;
const NOT_BOUGHT = /^[-–—−]$/;

const cells = (row) => [...row.querySelectorAll("td.price input:not([type=hidden])")];
const rows = () => [...table.tBodies[0].rows].map(cells).filter((row) => row.length);

function place(input) {
  const all = rows();
  const row = all.findIndex((one) => one.includes(input));
  return { all, row, column: row < 0 ? -1 : all[row].indexOf(input) };
}

function fen(text) {
  const found = PRICE.exec(text.normalize("NFKC").trim());
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : null;
}

const yuan = (value) => `${Math.floor(value / 100)}.${String(value % 100).padStart(2, "0")}`;

function part(name, text, kind = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

// The change beside what is in force, as the server writes it.
function show(input) {
  const delta = input.closest("td").querySelector(".delta");
  const text = input.value.trim() || input.placeholder;
  const [old, now] = [input.dataset.old === "" ? null : Number(input.dataset.old), fen(text)];
  const valid = text === "" || now !== null || NOT_BOUGHT.test(text);
  input.classList.toggle("touched", input.value.trim() !== input.dataset.own);
  input.toggleAttribute("aria-invalid", !valid);
  if (!valid) input.setAttribute("aria-invalid", "true");
  delta.replaceChildren();
  if (!valid || old === now || (now === null && !input.dataset.begins)) return;
  const change = part("span", "", "change");
  if (old !== null) change.append(part("del", yuan(old)), " ");
  change.append(part("ins", now === null ? "–" : yuan(now)));
  if (old && now !== null) {
    const tenths = Math.floor((Math.abs(now - old) * 2000 + old) / (2 * old));
    const sign = now >= old ? "+" : "-";
    change.append(" ", part("b", `${sign}${Math.floor(tenths / 10)}.${tenths % 10}%`, now >= old ? "up" : "down"));
  }
  delta.append(change);
}

function move(input, down, across) {
  const { all, row, column } = place(input);
  const next = all[row + down]?.[column + across];
  next?.focus();
  next?.select();
  return next !== undefined;
}

function onKey(event) {
  const input = event.target;
  if (!input.matches("td.price input") || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = { Enter: [event.shiftKey ? -1 : 1, 0], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (step) {
    move(input, ...step);
    event.preventDefault();
  }
  const forward = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const edge = forward === 1 ? input.value.length : 0;
  if (forward && input.selectionStart === edge && input.selectionEnd === edge) {
    // The text of a cell runs from left to right in every language, the columns of an Uyghur table do not.
    const across = document.documentElement.dir === "rtl" ? -forward : forward;
    if (move(input, 0, across)) event.preventDefault();
  }
}

function onPaste(event) {
  const input = event.target;
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!input.matches("td.price input") || !/[\t\n\r]/.test(text.trimEnd())) return;
  event.preventDefault();
  const { all, row, column } = place(input);
  let [filled, left] = [0, 0];
  text.replace(/(\r\n|\n|\r)$/, "").split(/\r\n|\n|\r/).forEach((line, down) => {
    line.split("\t").forEach((value, across) => {
      const target = all[row + down]?.[column + across];
      if (!target) return void (left += 1);
      target.value = value.trim().slice(0, target.maxLength);
      show(target);
      filled += 1;
    });
  });
  notice.textContent = notice.dataset.pasted.replace("{n}", filled).replace("{left}", left);
}

let sending = false;
const unsaved = () => rows().flat().some((input) => input.value.trim() !== input.dataset.own);

if (table) {
  rows().flat().forEach(show);
  table.addEventListener("keydown", onKey);
  table.addEventListener("paste", onPaste);
  table.addEventListener("input", (event) => {
    show(event.target);
    notice.textContent = unsaved() ? notice.dataset.unsaved : "";
  });
  document.getElementById("prices").addEventListener("submit", () => (sending = true));
  window.addEventListener("beforeunload", (event) => {
    if (!sending && unsaved()) event.preventDefault();
  });
}
