// Checks papers, proofs and exports by a county's public keys:   node check.mjs keys.json FILE...
// One line of JSON for each file, as `kiosk verify` writes it; ends with 1 when one is not valid. Node 18 or later and
// nothing else: nothing here comes from the program that it checks. What each check means: ../../papers.md
import { createHash, createPublicKey, verify } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const need = (holds, what, name = "form") => { if (!holds) throw Object.assign(new Error(what), { name }); };
const attempt = (work) => { try { return work(); } catch { return false; } };
const DER = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410: what stands before an Ed25519 key
const keyOf = (raw, state = "") => {
  const object = createPublicKey({ key: Buffer.concat([DER, raw]), format: "der", type: "spki" });
  const signs = (text, signature) => verify(null, text, object, signature);
  return { raw, state, id: sha256(raw).toString("hex", 0, 4), signs };
};
const [keysFile, ...files] = process.argv.slice(2);
const { region: county, keys = [], voids = [], log = [] } = JSON.parse(readFileSync(keysFile, "utf8"));
const stations = new Map(keys.map(([station]) => [station, []]));
for (const [station, text, state] of keys) stations.get(station).push(keyOf(Buffer.from(text, "base64"), state));
const logKeys = log.map((line) => /^(.*?)\+[0-9a-f]{8}\+(.*)$/.exec(line))
  .map(([, name, text]) => ({ name, ...keyOf(Buffer.from(text, "base64").subarray(1)) }));
const base64 = (text) => {
  const found = Buffer.from(text, "base64");
  need(found.toString("base64") === text, "no base64");
  return found;
};

// CBOR (RFC 8949), of it what a slip has. In one form alone: lengths and numbers are as short as they can be.
function cbor(bytes) {
  let at = 0, isShortest = true;
  const take = (n) => (need(at + n <= bytes.length, "cut off"), bytes.subarray(at, (at += n)));
  const item = () => {
    const head = take(1)[0], kind = head >> 5, size = (head & 31) < 24 ? 0 : 2 ** ((head & 31) - 24);
    if (head === 0xf6) return null;
    need((head & 31) < 31 || kind > 5, "no length", "canonical");
    need(size <= 8 && kind < 6, "no CBOR of a slip");
    const n = size ? Number(BigInt(`0x${take(size).toString("hex")}`)) : head & 31;
    isShortest &&= !size || n >= (size === 1 ? 24 : 256 ** (size / 2));
    if (kind < 2) return kind ? -1 - n : n;
    if (kind < 4) return kind === 2 ? take(n) : take(n).toString("latin1"); // All texts of a slip are ASCII
    const rows = [];
    while (rows.length < (kind === 5 ? 2 * n : n)) rows.push(item());
    return kind === 5 ? { map: rows } : rows;
  };
  const found = item();
  need(isShortest && at === bytes.length, "not in the one form", "canonical");
  return JSON.stringify(found, (_, value) => (value?.type === "Buffer" ? { hex: Buffer.from(value.data).toString("hex") } : value));
}
const OUTER = /^\[\{"hex":"((?:..)+)"\},\{"map":\[\]\},\{"hex":"((?:..)+)"\},\{"hex":"(.{128})"\}\]$/;
const FIELDS = new RegExp('^\\[1,1,"((?!feed")[a-z0-9-]{1,16})",([0-9]{1,4}),"([A-HJ-NP-TV-Z])",([1-9][0-9]{0,5}),' +
  '(?:[0-9]{1,10},[01]|null,2),"[A-Za-z0-9._-]{1,40}",(?:[0-9]|[1-3][0-9]|40),[0-9]{1,10},[0-9]{1,8},[0-9]{1,16},[01],' +
  '(?:null|\\[[0-9]{1,10},[0-9]{1,10},[0-9]{1,10}\\]),[0-9]{1,10},\\{"hex":"([0-9a-f]{16})"\\}\\]$');
const string = (raw) => Buffer.concat([Buffer.from(raw.length < 24 ? [64 + raw.length] : [88, raw.length]), raw]);
function checkSlip(url, check) {
  const digits = /^https:\/\/[a-z0-9.-]{1,40}(?::[0-9]{1,5})?\/s#([1-9][0-9]{0,599})\r?\n?$/.exec(url);
  need(digits, "no code of a receipt");
  const hex = BigInt(digits[1]).toString(16), outer = OUTER.exec(cbor(Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex")));
  need(outer, "no COSE_Sign1 (RFC 9052)");
  const [header, payload, signature] = outer.slice(1).map((text) => Buffer.from(text, "hex"));
  const row = FIELDS.exec(cbor(payload)), isEddsa = /^\{"map":\[1,-8,4,\{"hex":".{8}"\}\]\}$/.test(cbor(header));
  need(row && isEddsa, "another header or version, or a field that is none");
  const [, region, number, series, counter, head] = row, station = `S${number.padStart(4, "0")}`;
  const signed = Buffer.concat([Buffer.from("\x84\x6aSignature1", "latin1"), string(header), Buffer.from("@"), string(payload)]);
  check("form", true), check("canonical", true);
  if (check("county", region === county)) {
    const known = stations.get(station) ?? [], signer = known.find((key) => key.signs(signed, signature));
    if (check("key_known", known.length > 0) && check("signature", signer)) check("key_state", !signer.state);
    check("void", !voids.includes(`${station.slice(1)}-${series}-${counter.padStart(6, "0")}`));
  }
  return { kind: "slip", head };
}

// Checkpoints and proofs: C2SP signed-note, tlog-checkpoint, tlog-proof; trees: RFC 9162, section 2.1, from the root down.
const NOTE = /^([a-z0-9-]{1,16}\/20[2-9][0-9])\n(0|[1-9][0-9]{0,15})\n(.+)\n\n((?:— [^ +\n]+ [A-Za-z0-9+/=]+\n)+)$/;
const node = (left, right) => sha256(Buffer.from([1]), left, right);
const half = (size) => { let k = 1; while (k * 2 < size) k *= 2; return k; };
const pop = (path) => (need(path.length, "too short"), path.pop());
function rootOf(leaf, index, size, path) {
  if (size === 1) return need(!path.length, "too long"), leaf;
  const k = half(size), side = pop(path);
  return index < k ? node(rootOf(leaf, index, k, path), side) : node(side, rootOf(leaf, index - k, size - k, path));
}
function rootsOf(old, size, path, known) {
  if (old === size) return Array(2).fill(known ?? pop(path));
  const k = half(size), side = pop(path), [a, b] = old <= k ? rootsOf(old, k, path, known) : rootsOf(old - k, size - k, path);
  return old <= k ? [a, node(b, side)] : [node(side, a), node(side, b)];
}
function checkpoint(note) {
  const [, origin, size, root, lines] = NOTE.exec(note) ?? need(false, "no checkpoint");
  const rows = lines.trimEnd().split("\n").map((line) => [line.split(" ")[1], base64(line.split(" ")[2])]);
  need(base64(root).length === 32 && Number(size) < 2 ** 53, "no root or size");
  const signed = Buffer.from(note.slice(0, note.indexOf("\n\n") + 1)), known = logKeys.filter((key) => key.name === origin);
  const isBy = (key, [name, row]) => name === origin && row.length === 68 && key.signs(signed, row.subarray(4)) &&
    row.subarray(0, 4).equals(sha256(Buffer.from(`${origin}\n\x01`), key.raw).subarray(0, 4));
  const run = (check) => check("key_known", known.length) && check("signature", known.some((key) => rows.some((row) => isBy(key, row))));
  return { origin, size: Number(size), root: base64(root), run };
}
function checkProof(text, check) {
  let [lines, notes] = [text.split("\n\n")[0].split("\n"), [text]], extra, index;
  const rest = text.slice(text.indexOf("\n\n") + 2), first = lines.shift();
  if (first === "c2sp.org/tlog-proof@v1") {
    extra = lines[0]?.startsWith("extra ") && base64(lines.shift().slice(6));
    index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift()) ?? need(false, "no proof");
    notes = [rest];
  } else if (first === "kiosk/consistency@v1") {
    notes = (/^((?:.+\n){3}\n(?:— .*\n)+)([^]+)$/.exec(rest) ?? need(false, "no proof")).slice(1);
  } else lines = [];
  const path = lines.map(base64), [old, now] = notes.map(checkpoint);
  need(path.length <= 64 && path.every((one) => one.length === 32), "no hash");
  check("form", true), old.run(check), now?.run(check);
  if (now) {
    const isGrown = () => old.size ? rootsOf(old.size, now.size, path, old.root) : [old.root, now.size ? now.root : old.root];
    const roots = old.size <= now.size && attempt(isGrown);
    check("origin", old.origin === now.origin);
    check("consistency", roots && !path.length && roots[0].equals(old.root) && roots[1].equals(now.root));
  } else if (index && check("leaf", extra?.length === 32)) {
    const leaf = sha256(Buffer.from([0]), extra), place = Number(index[1]);
    check("inclusion", place < old.size && attempt(() => rootOf(leaf, place, old.size, path).equals(old.root)));
  }
  return { kind: "proof", leaf: extra && extra.toString("hex") };
}

// Events, one a line. Their hash is over RFC 8785: numbers are integers, so JSON with sorted names is that.
const canonical = (value) => {
  if (value === null || typeof value !== "object") {
    return need(typeof value !== "number" || Number.isSafeInteger(value), "no integer"), JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`;
};
const NAMES = ["specversion", "id", "source", "station", "epoch", "seq", "type"];
const NAMED = /^\["1\.0","([0-9a-f]{16})-([1-9][0-9]{0,9})","\/stations\/(S[0-9]{4})","\3","\1",\2,"[!-~]{1,128}"\]$/;
async function* linesOf(file) {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file)) {
    rest = Buffer.concat([rest, chunk]);
    for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1)) yield rest.subarray(0, end);
  }
  if (rest.length) yield rest;
}
async function checkEvents(file, check) {
  const streams = new Map(), failed = new Set();
  let lines = 0, damaged = 0;
  for await (const line of linesOf(file)) {
    const event = attempt(() => JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line)));
    const text = attempt(() => canonical(event)), isNamed = text && NAMED.test(JSON.stringify(NAMES.map((name) => event[name])));
    const { station, id, epoch, seq, prevhash, type, data, signature, region = county } = event || {};
    const fault = (name, which = `${station} ${id}`) => (failed.add(name), check(name, false, which));
    lines++;
    if (!isNamed || text !== line.toString()) damaged++, fault("readable", isNamed ? undefined : `line ${lines}`);
    if (!isNamed) continue;
    const key = `${station} ${epoch}`, { signature: _, ...unsigned } = event, hash = sha256(Buffer.from(canonical(unsigned)));
    const stream = streams.get(key) ?? { upto: 0, head: "0".repeat(64) };
    streams.set(key, stream);
    if (seq <= stream.upto) { fault("order"); continue; }
    if (seq > stream.upto + 1) fault("numbers");
    else if (stream.head && stream.head !== prevhash) fault("chain");
    Object.assign(stream, { upto: seq, head: data === undefined ? "" : hash.toString("hex") });
    const match = typeof signature === "string" && /^([0-9a-f]{8})\.([A-Za-z0-9+/]{85}[AQgw]==)$/.exec(signature), last = stream.runs.at(-1);
    const known = (region === county && stations.get(station)?.filter((one) => one.id === match?.[1])) || [];
    const message = Buffer.concat([Buffer.from("kiosk/event/1\n"), hash]);
    const signer = match && known.find((one) => one.signs(message, Buffer.from(match[2], "base64")));
    if (data === undefined) fault("body");
    else if (signature === undefined) {
      const [first, , count] = stream.unsigned ?? [seq, seq, 0];
      stream.unsigned = [first, seq, count + 1, stream.head];
    } else if (!signer) fault(match && !known.length ? "key_known" : "signature");
    else if (signer.state) fault("key_state");
    else {
      const covered = [data.first_seq, data.last_seq, data.events, data.head];
      const isCover = type === "station.events.covered.v1", isFirstKey = type === "station.key.made.v1" && !stream.isSigned;
      if (isCover && String(covered) !== String(stream.unsigned)) fault("covered");
      else if (isCover || isFirstKey) delete stream.unsigned; // They are in the chain that this event signs
      stream.isSigned = true;
    }
  }
  for (const [key, { unsigned }] of streams) if (unsigned) failed.add("covered"), check("covered", false, `${key}-${unsigned[0]}`);
  check("form", damaged < lines);
  const names = "readable hash order chain key_known signature key_state numbers covered body".split(" ");
  for (const name of names) if (!failed.has(name)) check(name, true);
  return { kind: "export" };
}

const VERDICTS = Object.entries({
  unreadable: ["form", "canonical"],
  changed: ["signature", "inclusion", "consistency", "origin", "slip", "readable", "hash", "order", "chain"],
  unknown_key: ["county", "key_known", "key_state"],
  incomplete: ["void", "leaf", "numbers", "covered", "body"],
});
const rows = [];
for (const file of files) {
  const checks = [], row = { file, kind: null, checks }; 
  const check = (name, ok, event) => (checks.push({ name, ok: Boolean(ok), ...(event && { event }) }), ok);
  rows.push(row);
  try {
    let first;
    for await (const chunk of createReadStream(file, { end: 0 })) first = chunk[0];
    if (first === 0x7b) { Object.assign(row, await checkEvents(file, check)); continue; }
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
    const isProof = /^(c2sp\.org\/tlog-proof@v1|kiosk\/consistency@v1)|\n\n— /.test(text);
    row.kind = isProof ? "proof" : /^https?:\/\/[^#]{1,60}\/s#/.test(text) ? "slip" : need(false, "none of these");
    Object.assign(row, (isProof ? checkProof : checkSlip)(text, check));
  } catch (error) {
    check(error.name === "canonical" ? "canonical" : "form", false);
  }
}
const heads = rows.filter((row) => row.head).map((row) => row.head);
for (const { file, kind, checks, leaf } of rows) {
  if (leaf && heads.length) checks.push({ name: "slip", ok: heads.some((head) => leaf.startsWith(head)) });
  const failed = checks.filter((one) => !one.ok).map((one) => one.name);
  const verdict = VERDICTS.find(([, names]) => names.some((name) => failed.includes(name)))?.[0] ?? "valid";
  if (verdict !== "valid") process.exitCode = 1;
  console.log(JSON.stringify({ file, kind, verdict, checks }));
}
