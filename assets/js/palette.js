// Ctrl+K: pages and actions of this page at once, tickets and people as their features find them.
const PAUSE = 120;
const LONGEST = 20_000; // to wait for an answer
let dialog;
let input;
let timer;
let asked = 0;
let chosen; // by arrow keys: what is found later does not take it away

export function startPalette() {
  dialog = document.getElementById("palette");
  if (!dialog) return;
  input = dialog.querySelector("input");
  input.addEventListener("input", () => {
    filter();
    clearTimeout(timer);
    timer = setTimeout(find, PAUSE);
  });
  dialog.addEventListener("keydown", onKey);
  dialog.addEventListener("click", (event) => {
    const action = event.target.closest("[data-clicks]");
    if (!action) return;
    dialog.close();
    document.querySelector(action.dataset.clicks)?.click();
  });
}

export function openPalette() {
  if (!dialog || dialog.open) return;
  collectActions();
  dialog.showModal();
  input.select();
  filter();
  find();
}

/** Whatever has a key and a name on this page can be done from here. */
function collectActions() {
  const group = dialog.querySelector("[data-actions]");
  const list = group.querySelector("ul");
  list.replaceChildren();
  document.querySelectorAll("main [data-key][data-name]").forEach((element, index) => {
    element.dataset.action = String(index);
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "choice";
    button.dataset.clicks = `[data-action="${index}"]`;
    const name = document.createElement("span");
    name.textContent = element.dataset.name;
    const key = document.createElement("kbd");
    key.textContent = element.dataset.key;
    button.append(name, key);
    item.append(button);
    list.append(item);
  });
}

function filter() {
  chosen = undefined;
  const wanted = input.value.trim().toLocaleLowerCase();
  for (const item of dialog.querySelectorAll("[data-fixed] li")) {
    item.hidden = Boolean(wanted) && !item.textContent.toLocaleLowerCase().includes(wanted);
  }
  tidy();
}

function tidy() {
  for (const group of dialog.querySelectorAll("[data-group]")) {
    group.hidden = ![...group.querySelectorAll("li")].some((item) => !item.hidden);
  }
  const nothing = dialog.querySelector("[data-nothing]");
  const all = choices();
  nothing.hidden = all.length > 0;
  select(all.includes(chosen) ? chosen : all[0]);
}

async function find() {
  const wanted = input.value.trim();
  const mine = ++asked;
  await Promise.all(
    [...dialog.querySelectorAll("[data-finder]")].map(async (group) => {
      const list = group.querySelector("ul");
      if (!wanted) return list.replaceChildren();
      try {
        const address = `${group.dataset.finder}?q=${encodeURIComponent(wanted)}`;
        const answer = await fetch(address, { headers: { accept: "text/html", "hx-request": "true" }, signal: AbortSignal.timeout(LONGEST) });
        const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
        if (mine === asked) list.replaceChildren(...page.querySelectorAll("li"));
      } catch {
        if (mine === asked) list.replaceChildren(); // the other groups still help
      }
    }),
  );
  if (mine === asked) tidy();
}

function choices() {
  return [...dialog.querySelectorAll("li:not([hidden]) > a, li:not([hidden]) > button")].filter((item) => item.offsetParent !== null);
}

function select(choice) {
  dialog.querySelectorAll('[aria-selected="true"]').forEach((item) => item.removeAttribute("aria-selected"));
  if (!choice) return input.removeAttribute("aria-activedescendant");
  choice.setAttribute("role", "option");
  choice.setAttribute("aria-selected", "true");
  choice.id ||= `choice-${Math.random().toString(36).slice(2)}`;
  input.setAttribute("aria-activedescendant", choice.id);
  choice.scrollIntoView({ block: "nearest" });
}

function onKey(event) {
  const all = choices();
  const at = all.findIndex((choice) => choice.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") select((chosen = all[(at + 1) % all.length]));
  else if (event.key === "ArrowUp") select((chosen = all[(at - 1 + all.length) % all.length]));
  else if (event.key === "Escape") dialog.close(); // a search field would only empty itself
  else if (event.key === "Enter" && event.target === input) all[at]?.click();
  else return;
  event.preventDefault();
}
