// The part of check.mjs that checks exports: the events of stations, one a line, as `sorting-center ledger export` and
// the feed have them. In memory are the ends of the chains, so a file may be of any size.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

const attempt = (work) => { try { return work(); } catch { return false; } };
// Their hash is over RFC 8785: numbers are integers, so JSON with sorted names is that.
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Error("no integer");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`;
};
const NAMES = ["specversion", "id", "source", "station", "epoch", "seq", "type"];
const NAMED = /^\["1\.0","([0-9a-f]{16})-([1-9][0-9]{0,9})","\/stations\/(S[0-9]{4})","\3","\1",\2,"[!-~]{1,128}"\]$/;
export async function checkEvents(file, check, county, stations) {
  const streams = new Map(), failed = new Set(), fault = (name, event) => (failed.add(name), check(name, false, event));
  let lines = 0, damaged = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = attempt(() => JSON.parse(line)), text = event && attempt(() => canonical(event));
    const isNamed = text && NAMED.test(JSON.stringify(NAMES.map((name) => event[name])));
    lines++;
    const place = isNamed ? `${event.station} ${event.id}` : `line ${lines}`;
    if (!isNamed || text !== line) damaged++, fault("readable", place);
    if (!isNamed) continue;
    const { signature, ...unsigned } = event, { station, epoch, seq, prevhash, type, data, region = county } = event;
    const hash = createHash("sha256").update(canonical(unsigned)).digest(), key = `${station} ${epoch}`;
    const stream = streams.get(key) ?? streams.set(key, { upto: 0, head: "0".repeat(64) }).get(key);
    const head = data === undefined ? "" : hash.toString("hex");
    if (seq <= stream.upto) fault("order", place);
    else if (seq > stream.upto + 1) fault("numbers", place);
    else if (stream.head && stream.head !== prevhash) fault("chain", place);
    if (seq > stream.upto) Object.assign(stream, { upto: seq, head });
    if (data === undefined) fault("body", place);
    else if (signature === undefined) {
      const [first, , count] = stream.unsigned ?? [seq, seq, 0];
      stream.unsigned = [first, seq, count + 1, head];
    } else {
      const [, id, by] = /^"([0-9a-f]{8})\.([A-Za-z0-9+/]{85}[AQgw]==)"$/.exec(JSON.stringify(signature)) ?? [];
      const known = (region === county && stations.get(station)?.filter((one) => one.id === id)) || [];
      const message = Buffer.concat([Buffer.from("kiosk/event/1\n"), hash]);
      const signer = id && known.find((one) => one.signed(message, Buffer.from(by, "base64")));
      const isCover = type === "station.events.covered.v1", isKey = type === "station.key.made.v1";
      const covered = isCover && String([data?.first_seq, data?.last_seq, data?.events, data?.head]);
      if (!signer) fault(id && !known.length ? "key_known" : "signature", place);
      else if (signer.state) fault("key_state", place);
      else if (isCover && covered !== String(stream.unsigned)) fault("covered", place);
      else if (isCover || (isKey && !stream.hasKey)) delete stream.unsigned; // They are in the chain that it signs
      stream.hasKey ||= isKey && signer && !signer.state;
    }
  }
  for (const [key, { unsigned }] of streams) if (unsigned) fault("covered", `${key}-${unsigned[0]}`);
  check("form", damaged < lines);
  for (const name of "readable hash order chain key_known signature key_state numbers covered body".split(" ")) {
    if (!failed.has(name)) check(name, true);
  }
}
