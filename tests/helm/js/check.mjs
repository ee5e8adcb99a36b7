// Custom resources against their definitions: JSON of a list on standard input, JSON of what is wrong, by place, on
// standard output. Values only: keys that nobody knows pass here, and are the compiler's to find.
import { readFileSync } from "node:fs";

const wrong = {};
for (const [place, { module, document }] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const kind = (await import(module))[document.kind];
  try {
    new kind(document).validate();
  } catch (error) {
    wrong[place] = error.message;
  }
}
console.log(JSON.stringify(wrong));
