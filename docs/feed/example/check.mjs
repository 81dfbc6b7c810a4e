// Checks papers, proofs and exports by a county's public keys:   node check.mjs keys.json FILE...
// One line of JSON for each file, as `kiosk verify` writes it; ends with 1 when one is not valid. Node 18 or later and
// nothing else: nothing here comes from the program that it checks. What each check means: ../../papers.md
import { createHash, createPublicKey, verify } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { checkEvents } from "./check-events.mjs";

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const fail = (what, name = "form") => { throw Object.assign(new Error(what), { name }); };
const need = (holds, what) => holds || fail(what);
const attempt = (work) => { try { return work(); } catch { return false; } };
const base64 = (text) => {
  const found = Buffer.from(text, "base64");
  return need(found.toString("base64") === text, "no base64") && found;
};
const DER = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410: what stands before an Ed25519 key
function keyOf(raw, state = "") {
  const object = createPublicKey({ key: Buffer.concat([DER, raw]), format: "der", type: "spki" });
  return { state, id: sha256(raw).toString("hex", 0, 4), signed: (text, by) => verify(null, text, object, by) };
}
const [keysFile, ...files] = process.argv.slice(2);
const { region: county, keys = [], voids = [], log = [] } = JSON.parse(readFileSync(keysFile, "utf8"));
const stations = new Map(keys.map(([station]) => [station, []]));
for (const [station, text, state] of keys) stations.get(station).push(keyOf(base64(text), state));
const logKeys = log.map((line) => /^(.*?)\+([0-9a-f]{8})\+(.*)$/.exec(line))
  .map(([, name, id, text]) => ({ ...keyOf(base64(text).subarray(1)), name, id }));

// CBOR (RFC 8949), of it what a slip has, as JSON. In one form alone: lengths and numbers are as short as they can be.
function cbor(bytes) {
  let at = 0, isShort = true;
  const take = (n) => need(at + n <= bytes.length, "cut off") && bytes.subarray(at, (at += n));
  const item = () => {
    const head = take(1)[0], kind = head >> 5, size = (head & 31) < 24 ? 0 : 2 ** ((head & 31) - 24);
    if (head === 0xf6) return null;
    if (kind > 1 && kind < 6 && (head & 31) === 31) fail("without a length", "canonical");
    need(size <= 8 && kind < 6, "no CBOR of a slip");
    const n = size ? Number(BigInt(`0x${take(size).toString("hex")}`)) : head & 31;
    isShort &&= !size || n >= (size === 1 ? 24 : 256 ** (size / 2));
    if (kind < 2) return kind ? -1 - n : n;
    if (kind < 4) return kind === 2 ? { hex: take(n).toString("hex") } : take(n).toString("latin1"); // Codes are ASCII
    const rows = [];
    while (rows.length < (kind === 5 ? 2 * n : n)) rows.push(item());
    return kind === 5 ? { map: rows } : rows;
  };
  const found = item();
  return isShort && at === bytes.length ? JSON.stringify(found) : fail("not in the one form", "canonical");
}
const OUTER = /^\[\{"hex":"(.+)"\},\{"map":\[\]\},\{"hex":"(.+)"\},\{"hex":"(.{128})"\}\]$/;
const FIELDS = new RegExp('^\\[1,1,"((?!feed")[a-z0-9-]{1,16})",([0-9]{1,4}),"([A-HJ-NP-TV-Z])",([1-9][0-9]{0,5}),' +
  '(?:[0-9]{1,10},[01]|null,2),"[A-Za-z0-9._-]{1,40}",(?:[0-9]|[1-3][0-9]|40),[0-9]{1,10},[0-9]{1,8},[0-9]{1,16},' +
  '[01],(?:null|\\[[0-9]{1,10},[0-9]{1,10},[0-9]{1,10}\\]),[0-9]{1,10},\\{"hex":"([0-9a-f]{16})"\\}\\]$');
const string = (raw) => Buffer.concat([Buffer.from(raw.length < 24 ? [64 + raw.length] : [88, raw.length]), raw]);
function checkSlip(url, check) {
  const digits = /^https:\/\/[a-z0-9.-]{1,40}(?::[0-9]{1,5})?\/s#([1-9][0-9]{0,599})\r?\n?$/.exec(url);
  const hex = BigInt(need(digits, "no code of a receipt")[1]).toString(16);
  const outer = need(OUTER.exec(cbor(Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex"))), "no COSE_Sign1, RFC 9052");
  const [header, payload, signature] = outer.slice(1).map((text) => Buffer.from(text, "hex"));
  const [, id] = need(/^\{"map":\[1,-8,4,\{"hex":"(.{8})"\}\]\}$/.exec(cbor(header)), "not Ed25519 with a key id");
  const [, region, number, series, counter, head] = need(FIELDS.exec(cbor(payload)), "another version or type");
  const station = `S${number.padStart(4, "0")}`, known = (stations.get(station) ?? []).filter((key) => key.id === id);
  const start = Buffer.from("\x84\x6aSignature1", "latin1");
  const text = Buffer.concat([start, string(header), Buffer.from("@"), string(payload)]); // Sig_structure, section 4.4
  check("form", true), check("canonical", true);
  if (check("county", region === county)) {
    const signer = known.find((key) => key.signed(text, signature));
    if (check("key_known", known.length) && check("signature", signer)) check("key_state", !signer.state);
    check("void", !voids.includes(`${station.slice(1)}-${series}-${counter.padStart(6, "0")}`));
  }
  return { head };
}

// Checkpoints and proofs: C2SP signed-note, tlog-checkpoint, tlog-proof. Trees: RFC 9162, 2.1, from the root down.
const NOTE = /^([a-z\d-]{1,16}\/20[2-9]\d(?:\.[1-9]\d{0,3})?)\n(0|[1-9]\d{0,15})\n(.+)\n\n((?:— [^ +\n]+ [\w+/=]+\n)+)$/;
const PROOF = /^c2sp\.org\/tlog-proof@v1\n(?:extra (.+)\n)?index (0|[1-9][0-9]{0,15})\n((?:.+\n)*)\n([^]+)$/;
const GROWN = /^kiosk\/consistency@v1\n((?:.+\n)*)\n((?:.+\n){3}\n(?:.+\n)+)\n([^]+)$/;
const node = (left, right) => sha256(Buffer.from([1]), left, right);
const half = (size) => { let k = 1; while (k * 2 < size) k *= 2; return k; };
const pop = (path) => need(path.pop(), "too short");
function rootOf(leaf, index, size, path) {
  if (size === 1) return need(!path.length, "too long") && leaf;
  const k = half(size), side = pop(path);
  return index < k ? node(rootOf(leaf, index, k, path), side) : node(side, rootOf(leaf, index - k, size - k, path));
}
function rootsOf(old, size, path, known) {
  if (old === size) return Array(2).fill(known ?? pop(path));
  const k = half(size), side = pop(path), isLeft = old <= k;
  const [a, b] = isLeft ? rootsOf(old, k, path, known) : rootsOf(old - k, size - k, path);
  return isLeft ? [a, node(b, side)] : [node(side, a), node(side, b)];
}
function checkpoint(note) {
  const [, origin, size, root, lines] = need(NOTE.exec(note), "no checkpoint");
  const rows = lines.trimEnd().split("\n").map((line) => line.split(" ")).map(([, name, text]) => [name, base64(text)]);
  const text = Buffer.from(`${origin}\n${size}\n${root}\n`);
  const isOf = (key, [name, row]) => name === origin && name === key.name && row.toString("hex", 0, 4) === key.id;
  const known = logKeys.filter((key) => rows.some((row) => isOf(key, row)));
  const isSigned = known.some((key) => rows.some((row) => isOf(key, row) && key.signed(text, row[1].subarray(4))));
  need(base64(root).length === 32 && Number(size) < 2 ** 53, "no root or size");
  const run = (check) => check("key_known", known.length) && check("signature", isSigned);
  return { origin, size: Number(size), root: base64(root), run };
}
function checkProof(text, check) {
  const [, extra, index, hashes = "", note = text] = PROOF.exec(text) ?? [];
  const [, steps = hashes, first = note, last] = GROWN.exec(text) ?? [];
  const path = steps.split("\n").slice(0, -1).map(base64), old = checkpoint(first), now = last && checkpoint(last);
  need(path.length <= 64 && path.every((one) => one.length === 32), "no hash");
  const leaf = extra && base64(extra), empty = [old.root, now?.size ? now.root : old.root];
  check("form", true), old.run(check), now?.run(check);
  if (now) {
    const run = () => (old.size ? rootsOf(old.size, now.size, path, old.root) : empty);
    const roots = old.size <= now.size && attempt(run);
    check("origin", old.origin === now.origin);
    check("consistency", roots && !path.length && roots[0].equals(old.root) && roots[1].equals(now.root));
  } else if (index && check("leaf", leaf?.length === 32)) {
    const start = sha256(Buffer.from([0]), leaf), place = Number(index);
    check("inclusion", place < old.size && attempt(() => rootOf(start, place, old.size, path).equals(old.root)));
  }
  return { leaf: leaf?.toString("hex") };
}

const VERDICTS = Object.entries({
  unreadable: "form canonical", changed: "signature inclusion consistency origin slip readable hash order chain",
  unknown_key: "county key_known key_state", incomplete: "void leaf numbers covered body",
}).map(([verdict, names]) => [verdict, names.split(" ")]);
const rows = [], utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
for (const file of files) {
  const row = { file, kind: null, checks: [] };
  const check = (name, ok, event) => (row.checks.push({ name, ok: Boolean(ok), ...(event && { event }) }), Boolean(ok));
  rows.push(row);
  try {
    let first;
    for await (const chunk of createReadStream(file, { end: 0 })) first = chunk[0];
    const text = first !== 0x7b && utf8.decode(readFileSync(file));
    if (!text) row.kind = "export";
    else if (/^(c2sp\.org\/tlog-proof@v1|kiosk\/consistency@v1)|\n\n— /.test(text)) row.kind = "proof";
    else if (/^https?:\/\/[^#]{1,60}\/s#/.test(text)) row.kind = "slip";
    else fail("none of these");
    if (row.kind === "export") await checkEvents(file, check, county, stations);
    else Object.assign(row, (row.kind === "proof" ? checkProof : checkSlip)(text, check));
  } catch (error) {
    check(error.name === "canonical" ? "canonical" : "form", false);
  }
}
const heads = rows.map((row) => row.head).filter(Boolean);
for (const { file, kind, checks, leaf } of rows) {
  if (leaf && heads.length) checks.push({ name: "slip", ok: heads.some((head) => leaf.startsWith(head)) });
  const failed = checks.filter((one) => !one.ok).map((one) => one.name);
  const verdict = VERDICTS.find(([, names]) => names.some((name) => failed.includes(name)))?.[0] ?? "valid";
  if (verdict !== "valid") process.exitCode = 1;
  console.log(JSON.stringify({ file, kind, verdict, checks }));
}
