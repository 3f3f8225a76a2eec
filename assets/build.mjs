// Builds what browsers get: style sheets, scripts, pictures, icons. Run by `npm run build`.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants } from "node:zlib";

const out = new URL("../src/answerable/static/", import.meta.url).pathname;
// All of them know light-dark(), :has(), nesting and modules.
const target = ["chrome123", "firefox121", "safari17.5"];

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await Promise.all([
  build({ entryPoints: ["css/desk.css"], bundle: true, minify: true, target, outdir: out, logLevel: "warning" }),
  build({
    // desk.js is on every page; what only some pages need is a file in js/pages.
    entryPoints: ["js/desk.js", "js/sw.js", ...(await readdir("js/pages").catch(() => [])).filter((name) => name.endsWith(".js")).map((name) => `js/pages/${name}`)],
    entryNames: "[name]", bundle: true, minify: true, format: "esm", target, outdir: out, logLevel: "warning",
    legalComments: "none",
  }),
  ...(await readdir("img")).map((name) => copyFile(`img/${name}`, out + name)),
  icons(),
]);
for (const name of await readdir(out)) {
  if (!/\.(css|js|svg)$/.test(name)) continue;
  const content = await readFile(out + name);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  await writeFile(`${out}${name}.br`, brotliCompressSync(content, { params }));
}

/** Take the drawings that icons.json names from the set, and our own from icons/: name -> the inside of the svg. */
async function icons() {
  const wanted = JSON.parse(await readFile("icons.json", "utf8"));
  const found = {};
  for (const name of wanted) found[name] = await drawing(`node_modules/@tabler/icons/icons/outline/${name}.svg`);
  for (const file of await readdir("icons")) found[file.replace(".svg", "")] = await drawing(`icons/${file}`);
  await writeFile(`${out}icons.json`, JSON.stringify(found));
}

async function drawing(path) {
  const inside = (await readFile(path, "utf8")).replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>[\s\S]*$/, "");
  return inside.replace(/\s*\n\s*/g, "").replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" ?\/>/, "").replace(/ \/>/g, "/>");
}
