// The three sounds of the station. They differ in rhythm, as those of the buzzer beside the screen do, because pitch
// alone is not heard by everybody; each only repeats what the screen shows. One at a time, and none waits: a weaker one
// is left out while another sounds, a stronger one cuts it off. Without a speaker nothing happens.

/** Rows of [start, length, frequency] in seconds and hertz, weakest first. */
export const EARCONS = {
  ok: [[0, 0.14, 1047]],
  attention: [[0, 0.12, 784], [0.22, 0.12, 784]],
  error: [[0, 0.36, 440], [0.48, 0.36, 392]],
};

const STRENGTH = Object.keys(EARCONS);
const EDGE_S = 0.008; // a tone that begins or ends at once clicks
const LATE_MS = 800;
const REST_MS = 5_000; // silence that is sent to a speaker costs a small board power all day

let context = null;
let waking = null;
let sounding = [];
let strength = -1;
let ends = 0;
let turn = 0;
let rest = 0;

const lengthOf = (name) => Math.max(...EARCONS[name].map(([start, length]) => start + length));

/** Make one of the three sounds now, or not at all. */
export async function play(name) {
  try {
    await sound(name);
  } catch {
    // No speaker, or a browser without sound: the screen says the same.
  }
}

async function sound(name) {
  // The ear takes half the amplitude for much more than half: the square is about even.
  const level = (Number(document.documentElement.dataset.volume ?? 0) / 100) ** 2;
  const asked = performance.now();
  if (!(level > 0) || (asked < ends && STRENGTH.indexOf(name) <= strength)) return;
  strength = STRENGTH.indexOf(name);
  ends = asked + lengthOf(name) * 1000;
  const mine = ++turn;
  clearTimeout(rest);
  context ??= new AudioContext();
  if (context.state !== "running") {
    waking ??= context.resume().finally(() => { waking = null; });
    await waking;
    // Woken late (a browser that waits for a touch, a device that was busy) it would speak of what is long over.
    if (mine !== turn || performance.now() - asked > LATE_MS) return;
  }
  for (const source of sounding) source.stop();
  sounding = EARCONS[name].map((row) => tone(row, level));
  rest = setTimeout(() => context.suspend().catch(() => null), lengthOf(name) * 1000 + REST_MS);
}

function tone([start, length, frequency], level) {
  const begin = context.currentTime + start;
  const end = begin + length;
  const swell = context.createGain();
  swell.gain.setValueAtTime(0, begin);
  swell.gain.linearRampToValueAtTime(level, begin + EDGE_S);
  swell.gain.setValueAtTime(level, end - EDGE_S);
  swell.gain.linearRampToValueAtTime(0, end);
  const source = context.createOscillator();
  source.type = "triangle"; // a small speaker gives hardly anything of a low pure tone
  source.frequency.value = frequency;
  source.connect(swell).connect(context.destination);
  source.start(begin);
  source.stop(end);
  return source;
}
