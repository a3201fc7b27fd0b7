/*
 * Builds dist/: the same three kinds of page (shop, piece, cart) in each language, without a line of inline script or
 * style, under the strictest content policy that a shop can have. What the chat needs of it is 'self' for scripts and
 * connections; served from elsewhere it would be the desk's address.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformWithEsbuild } from "vite";

const root = dirname(fileURLToPath(import.meta.url));
const src = join(root, "src");
const dist = join(root, "dist");

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/* Folder of each language, relative to dist. */
const LANGUAGES = [
  { file: "en", folder: ".", name: "English" },
  { file: "ko", folder: "ko", name: "한국어" },
  { file: "zh", folder: "zh", name: "中文" },
];

/*
 * A drawing as part of the page: as an image it would be a request and a document of its own, which a browser draws
 * before it comes to the chat's button. Ids are the page's then, so they get a name.
 */
function art(drawing, place = "") {
  const text = readText(`art/${drawing}.svg`)
    .replace(/<title>.*<\/title>\s*/, "")
    .replace(/\b(id="|url\(#)/g, `$1${place}${drawing}-`)
    .replace("<svg ", '<svg aria-hidden="true" ');
  return new Html(text.trim());
}

const readText = (file) => readFileSync(join(src, file), "utf8");

function html(strings, ...values) {
  const write = (value) =>
    value instanceof Html
      ? value.text
      : Array.isArray(value)
        ? value.map(write).join("")
        : String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return new Html(strings.reduce((all, part, i) => all + write(values[i - 1]) + part));
}

class Html {
  constructor(text) {
    this.text = text;
  }
}

function money(t, amount) {
  return new Intl.NumberFormat(t.language, {
    style: "currency",
    currency: t.currency,
    maximumFractionDigits: 0,
  }).format(amount);
}

function notice(t) {
  const [before, after] = t.notice.split("{console}");
  return html`${before}<a href="/console/">${t.console}</a>${after}`;
}

function languageLinks(page) {
  return LANGUAGES.map((language) => {
    const href = `${page.up}${language.folder === "." ? "" : `${language.folder}/`}${page.file}`;
    return language === page.language
      ? html`<a href="${href}" aria-current="true">${language.name}</a>`
      : html`<a href="${href}">${language.name}</a>`;
  });
}

function layout(page, title, main) {
  const { t, up } = page;
  return html`<!doctype html>
<html lang="${t.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="description" content="${t.description}">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<script async src="/w.js" data-site="demo" data-color="#8c4a2f"></script>
<link rel="icon" href="${up}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${up}shop.css">
<script type="module" src="${up}shop.js"></script>
</head>
<body>
<p class="notice">${notice(t)}</p>
<header class="top">
<a class="brand" href="index.html">${t.shop}</a>
<nav>
<a href="index.html">${t.home}</a>
<a href="cart.html">${t.cart} <span class="count" data-count hidden></span></a>
</nav>
<details class="languages">
<summary aria-label="${t.languages}: ${page.language.name}">${page.language.name}</summary>
<nav aria-label="${t.languages}">${languageLinks(page)}</nav>
</details>
</header>
<main>
${main}
</main>
<footer>${t.footer}</footer>
</body>
</html>
`;
}

function homePage(page) {
  const { t } = page;
  return layout(
    page,
    `${t.shop} · ${t.tagline}`,
    html`<section class="hero">
<div>
<h1>${t.heroTitle}</h1>
<p>${t.heroText}</p>
<a class="button" href="#pieces">${t.heroLink}</a>
</div>
<div class="shelf" aria-hidden="true">
${["vase", "teapot", "mug"].map((id) => art(id, "shelf-"))}
</div>
</section>
<h2 id="pieces">${t.products}</h2>
<ul class="pieces">
${Object.entries(t.items).map(
  ([id, item]) => html`<li><a href="${id}.html">
<span class="picture ${id}">${art(id)}</span>
<strong>${item.name}</strong>
<span class="price">${money(t, item.price)}</span>
</a></li>
`,
)}</ul>`,
  );
}

function piecePage(page, id) {
  const { t } = page;
  const item = t.items[id];
  return layout(
    page,
    `${item.name} · ${t.shop}`,
    html`<a class="back" href="index.html">← ${t.back}</a>
<article class="piece">
<span class="picture ${id}">${art(id)}</span>
<div>
<h1>${item.name}</h1>
<p class="price">${money(t, item.price)}</p>
<p>${item.line}</p>
<button class="button" type="button" data-add="${id}" data-done="${t.added} ✓">${t.add}</button>
<h2>${t.details}</h2>
<dl>
<dt>${t.size}</dt><dd>${item.size}</dd>
<dt>${t.care}</dt><dd>${t.careText}</dd>
<dt>${t.delivery}</dt><dd>${t.deliveryText}</dd>
</dl>
<p class="hint">${t.question}</p>
</div>
</article>`,
  );
}

function cartPage(page) {
  const { t } = page;
  return layout(
    page,
    `${t.cart} · ${t.shop}`,
    html`<h1>${t.cart}</h1>
<p data-if-empty>${t.cartEmpty} <a href="index.html#pieces">${t.heroLink}</a></p>
<ul class="cart" data-if-full hidden>
${Object.entries(t.items).map(
  ([id, item]) => html`<li data-row="${id}" data-price="${item.price}" hidden>
<a class="picture ${id}" href="${id}.html" aria-label="${item.name}">${art(id)}</a>
<span><strong>${item.name}</strong><span class="price">${money(t, item.price)}</span></span>
<span class="amount">
<button type="button" data-add="${id}" data-by="-1" aria-label="${item.name}, ${t.amount} −1">−</button>
<output>0</output>
<button type="button" data-add="${id}" data-by="1" aria-label="${item.name}, ${t.amount} +1">+</button>
</span>
</li>
`,
)}</ul>
<div class="sum" data-if-full hidden>
<p><span>${t.total}</span> <strong data-total="${t.currency}"></strong></p>
<button class="button" type="button" disabled>${t.checkout}</button>
<p class="hint">${t.checkoutNote}</p>
</div>`,
  );
}

function writePages(language) {
  const t = JSON.parse(readText(`texts/${language.file}.json`));
  const folder = join(dist, language.folder);
  mkdirSync(folder, { recursive: true });
  const up = language.folder === "." ? "" : "../";
  const write = (file, make) =>
    writeFileSync(join(folder, file), make({ t, up, file, language }).text);
  write("index.html", homePage);
  write("cart.html", cartPage);
  for (const id of Object.keys(t.items)) {
    write(`${id}.html`, (page) => piecePage(page, id));
  }
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
LANGUAGES.forEach(writePages);
cpSync(join(src, "art", "mug.svg"), join(dist, "icon.svg"));
for (const [file, loader, out] of [
  ["shop.ts", "ts", "shop.js"],
  ["shop.css", "css", "shop.css"],
]) {
  const { code } = await transformWithEsbuild(readText(file), file, {
    loader,
    minify: true,
    sourcemap: false,
  });
  writeFileSync(join(dist, out), code);
}
