import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** What is built from, beside the folders: everything here that can change the output. */
const FILES = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts", "sources.ts"];
const FOLDERS = ["public", "src"];

/**
 * One sha256 over all sources. tests/plugin/test_built_files.py computes it again, so that built files which are older
 * than their sources fail a test.
 */
export function fingerprint(root: string): string {
  const paths = [...FILES.map((name) => join(root, name)), ...FOLDERS.flatMap((name) => below(join(root, name)))];
  const named = paths.map((path) => ({ name: relative(root, path).split(sep).join("/"), path }));
  named.sort((one, other) => (one.name < other.name ? -1 : 1));
  const whole = createHash("sha256");
  for (const { name, path } of named) {
    whole.update(`${name}\0${createHash("sha256").update(readFileSync(path)).digest("hex")}\n`);
  }
  return whole.digest("hex");
}

function below(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? below(path) : [path];
  });
}
