// Checks the code of a receipt on the telephone that has read it. The digits behind # are never sent anywhere: nothing
// is fetched. What the digits are is written in docs/decisions/signed-slips.md; kiosk/messaging/contract/slip.py reads
// the same ones.
"use strict";

const MOST_INT = 2 ** 31 - 1, MOST_FEN = 2 ** 53, MOST_BAGS = 40, MOST_GRAMS = MOST_BAGS * 200000000, MOST_PRICE = 10000000;
const UINT = 0, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, NULL = 0xf6;
const PROTECTED = /^a201270444[0-9a-f]{8}$/;  // {1: -8, 4: four bytes}: EdDSA, and the id of the key (RFC 9052)
const PREFIX = [0x84, 0x6a, ...Array.from("Signature1", (sign) => sign.charCodeAt(0))];

class NoSlip extends Error {}

const need = (holds) => {
  if (!holds) throw new NoSlip();
};

// CBOR in its one form: shortest lengths, and nothing but the kinds that a slip has.
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    need(this.at + count <= this.bytes.length);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  head(kind) {
    const first = this.take(1)[0], size = (first & 31) - 24;
    need(first >> 5 === kind && size < 4);
    if (size < 0) return first & 31;
    const number = this.take(2 ** size).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    need(number >= [24n, 256n, 65536n, 4294967296n][size] && number <= BigInt(MOST_FEN));
    return Number(number);
  }

  number(least, most) {
    const found = this.head(UINT);
    need(found >= least && found <= most);
    return found;
  }

  string(kind) {
    return this.take(this.head(kind));
  }

  text(pattern) {
    const found = String.fromCharCode(...this.string(TEXT));
    need(pattern.test(found));
    return found;
  }

  orNull(read) {
    if (this.bytes[this.at] !== NULL) return read();
    this.at += 1;
    return null;
  }

  end() {
    need(this.at === this.bytes.length);
  }
}

const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const fromHex = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));

const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

function readPayload(payload) {
  const row = new Reader(payload);
  need(row.head(ARRAY) === 17 && row.number(1, 1) === 1 && row.number(1, 1) === 1);  // Version and type
  const region = row.text(/^[a-z0-9-]{1,16}$/), station = String(row.number(0, 9999)).padStart(4, "0");
  const series = row.text(/^[A-HJ-NP-TV-Z]$/), counter = String(row.number(1, 999999)).padStart(6, "0");
  const minute = row.orNull(() => row.number(0, MOST_INT)), clock = row.number(0, 2);
  need(region !== "feed" && (minute === null) === (clock === 2));
  const slip = {
    region, minute,
    station: `S${station}`,
    receipt: `${station}-${series}-${counter}`,
    product: row.text(/^[A-Za-z0-9._-]{1,40}$/),
    bags: row.number(0, MOST_BAGS),
    grams: row.number(0, MOST_GRAMS),
    price: row.number(0, MOST_PRICE),
    fen: row.number(0, MOST_FEN),
    mode: row.number(0, 1),
  };
  row.orNull(() => {
    need(row.head(ARRAY) === 3);
    for (let left = 3; left > 0; left -= 1) row.number(0, MOST_INT);
  });
  slip.copy = row.number(0, MOST_INT);
  need(row.string(BYTES).length === 8);
  row.end();
  return slip;
}

// The slip with `signed`, over which `signature` is. Throws NoSlip.
function parseSlip(digits) {
  need(/^[1-9][0-9]{0,599}$/.test(digits));
  const hex = BigInt(digits).toString(16);
  const outer = new Reader(fromHex(hex.length % 2 ? `0${hex}` : hex));
  const raw = (kind) => {
    const from = outer.at, content = outer.string(kind);
    return [content, outer.bytes.subarray(from, outer.at)];
  };
  need(outer.head(ARRAY) === 4);
  const [header, rawHeader] = raw(BYTES);
  need(PROTECTED.test(hexOf(header)) && outer.head(MAP) === 0);
  const [payload, rawPayload] = raw(BYTES), signature = outer.string(BYTES);
  need(signature.length === 64);
  outer.end();
  const signed = Uint8Array.of(...PREFIX, ...rawHeader, 0x40, ...rawPayload);
  return {...readPayload(payload), keyId: hexOf(header.subarray(5)), signature, signed};
}

// The first four bytes of its SHA-256; two keys may have the same.
const idOf = async (raw) => hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", raw), 0, 4));

async function isSignedBy(raw, slip) {
  try {
    const key = await crypto.subtle.importKey("raw", raw, {name: "Ed25519"}, false, ["verify"]);
    return await crypto.subtle.verify({name: "Ed25519"}, key, slip.signature, slip.signed);
  } catch (fault) {
    if (fault.name === "DataError") return false;  // This one is no key
    throw fault;
  }
}

// [verdict, slip]. Throws where this browser knows no Ed25519. `counties`: as /keys.json has them, one or more.
async function checkSlip(digits, counties) {
  let slip;
  try {
    slip = parseSlip(digits);
  } catch (fault) {
    if (fault instanceof NoSlip) return ["unreadable", null];
    throw fault;
  }
  const county = counties.find((one) => one.region === slip.region);
  if (!county) return ["other_county", slip];
  const named = [], states = [];
  for (const [, text, state] of county.keys.filter(([station]) => station === slip.station)) {
    const raw = fromBase64(text);
    if (await idOf(raw) === slip.keyId) named.push([raw, state]);
  }
  if (!named.length) return ["key_unknown", slip];
  for (const [raw, state] of named) if (await isSignedBy(raw, slip)) states.push(state);
  if (!states.length) return ["changed", slip];
  if (states.some(Boolean)) return ["key_doubted", slip];
  if (county.voids.includes(slip.receipt)) return ["voided", slip];
  return [slip.copy ? "copy" : "right", slip];
}

const thousands = (number) => String(number).replace(/\B(?=([0-9]{3})+$)/g, ",");

const decimal = (number, places) => {
  const unit = 10 ** places, rest = number % unit;
  return `${thousands((number - rest) / unit)}.${String(rest).padStart(places, "0")}`;
};

function figuresOf(slip, data) {
  const shown = {receipt: slip.receipt, bags: String(slip.bags), net: `${decimal(slip.grams, 3)} kg`};
  if (slip.minute !== null) {
    const local = new Date((slip.minute + data.offset_minutes) * 60000).toISOString();
    shown.date = `${local.slice(0, 10)} ${local.slice(11, 16)} UTC+${data.offset_minutes / 60}`;
  }
  if (slip.price) shown.price = `¥${decimal(slip.price, 2)}/kg`;
  if (slip.fen || slip.mode === 0) shown.amount = `${slip.mode ? "≈ " : ""}¥${decimal(slip.fen, 2)}`;
  if (slip.copy) shown.copies = String(slip.copy);
  return shown;
}

const LATE_MS = 3000;  // A check that stays silent is taken for a good one
const SIGNED = ["key_doubted", "voided", "copy", "right"];  // Of no other one a figure is shown: it proves nothing

function show(verdict, slip, data) {
  for (const part of document.querySelectorAll("[data-verdict]")) part.hidden = part.dataset.verdict !== verdict;
  const compare = document.getElementById("compare");
  compare.hidden = !SIGNED.includes(verdict);
  if (compare.hidden) return;
  const shown = figuresOf(slip, data);
  for (const part of compare.querySelectorAll("[data-figure]")) {
    const {figure} = part.dataset;
    part.textContent = shown[figure] || "";
    part.closest(".figure").hidden = !(figure in shown) && figure !== "date";
  }
  compare.querySelector("[data-unset]").hidden = "date" in shown;
  for (const part of compare.querySelectorAll("[data-mode]")) part.hidden = Number(part.dataset.mode) !== slip.mode;
  const names = (data.goods[slip.region] || {})[slip.product] || [slip.product, slip.product, slip.product];
  compare.querySelectorAll("[data-name]").forEach((part, at) => { part.textContent = names[at]; });
}

let turn = 0;

async function checkAddress(data) {
  const mine = turn += 1;
  show("wait", null, data);
  const late = new Promise((_, reject) => setTimeout(reject, LATE_MS));
  const found = await Promise.race([checkSlip(location.hash.slice(1), data.counties), late])
    .catch(() => ["too_old", null]);
  if (mine === turn) show(...found, data);
}

if (document.getElementById("keys")) {
  const data = JSON.parse(document.getElementById("keys").textContent);
  document.getElementById("verdict").classList.remove("unscripted");
  addEventListener("hashchange", () => checkAddress(data));
  checkAddress(data);
}
