// Another program's verdicts. Each line of standard input is [symbology, text, options];
// each line of standard output is [error or null, columns, modules], columns 0 for a row of bars.
const bwip = require(process.argv[2]);
const bars = (widths) => widths.map((width, at) => (at % 2 ? "0" : "1").repeat(width)).join("");
for (const line of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [symbology, text, options] = JSON.parse(line);
  let answer;
  try {
    const [drawn] = bwip.raw({ bcid: symbology, text, ...options });
    answer = drawn.pixs ? [null, drawn.pixx, drawn.pixs.join("")] : [null, 0, bars(drawn.sbs)];
  } catch (error) {
    answer = [String(error.message || error), 0, ""];
  }
  console.log(JSON.stringify(answer));
}
