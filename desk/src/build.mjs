// Builds desk/static from desk/src: one IIFE and one style sheet a page (a hash CSP refuses a module's imports), and SHA256SUMS.
// Byte-identical for the same package-lock.json. Usage: node build.mjs [folder]
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const out = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "../static"));
process.chdir(dirname(fileURLToPath(import.meta.url)));
mkdirSync(out, { recursive: true });

await build({
  entryPoints: ["desk.js", "handset.js", "desk.css", "handset.css"],
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "eof",
  logLevel: "warning",
});
for (const page of ["desk.html", "handset.html"]) writeFileSync(join(out, page), readFileSync(page));

const files = ["desk.css", "desk.html", "desk.js", "handset.css", "handset.html", "handset.js"];
const line = (name) => `${createHash("sha256").update(readFileSync(join(out, name))).digest("hex")}  ${name}\n`;
writeFileSync(join(out, "SHA256SUMS"), files.map(line).join(""));
