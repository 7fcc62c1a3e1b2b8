// Parse diagrams with the Mermaid of the site: node mermaid.mjs MERMAID.js < {"name": "diagram"}; prints {"name": "error"}.
import { readFileSync } from "node:fs";
import vm from "node:vm";

// Mermaid makes its sanitizer of HTML when it loads, for which the window must look like one; parsing uses nothing of it.
globalThis.window = globalThis;
globalThis.addEventListener = () => {};
globalThis.Element = class {};
globalThis.document = { nodeType: 9, documentElement: { style: {} }, createElement: () => ({ style: {} }) };
vm.runInThisContext(readFileSync(process.argv[2], "utf-8"), { filename: process.argv[2] });

const errors = {};
for (const [name, diagram] of Object.entries(JSON.parse(readFileSync(0, "utf-8")))) {
  await globalThis.mermaid.parse(diagram).catch((error) => (errors[name] = error.message));
}
process.stdout.write(JSON.stringify(errors));
