// Follows the feed of a sorting center:   CENTER_TOKEN=sct_... node follow.mjs http://127.0.0.1:8090 position.json
// Prints each accepted event once, as one line of JSON, and goes on where it ended. Node 18 or later, nothing else.
import { readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const [center, file] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.CENTER_TOKEN}` };
const mine = await readFile(file, "utf8").then(JSON.parse, () => ({ generation: "", after: 0, seen: [] }));
const seen = new Set(mine.seen);

async function step() {
  const url = `${center}/feed?after=${mine.after}&limit=1000`;
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
  if (answer.status !== 200 && answer.status !== 409) throw new Error(`${url} answers ${answer.status}`);
  const { generation, events = [], last } = await answer.json();
  // The ledger came back from a backup and its places count anew: start over. Events are known by who they are.
  const anew = mine.generation !== "" && mine.generation !== generation;
  if (anew || answer.status === 409) return Object.assign(mine, { generation, after: 0 });
  for (const event of events) {
    const name = [event.region ?? "", event.station, event.id].join(" ");
    if (!seen.has(name)) console.log(JSON.stringify(event));
    seen.add(name);
  }
  Object.assign(mine, { generation, after: last, seen: [...seen] });
  // Written beside and renamed: a power cut leaves the old position, and the events after it come again.
  await writeFile(`${file}.new`, JSON.stringify(mine));
  await rename(`${file}.new`, file);
  if (events.length === 0) await pause(500);
}

for (;;) await step().catch(async (error) => (console.error(error.message), await pause(1000)));
