// SPDX-License-Identifier: Apache-2.0
// What forge asks of a Solidity compiler, answered by solc's build for Node: its version, and --standard-json.
const solc = require(process.env.SOLC_MODULE);
if (process.argv.includes("--version")) {
  console.log("solc, the solidity compiler commandline interface\nVersion: " + solc.version());
} else {
  process.stdout.write(solc.compile(require("fs").readFileSync(0, "utf8")));
}
