// Keys: data-key="r" clicks or focuses its element, data-go="t" goes there after g, rows are walked with j and k.
import { openPalette } from "./palette.js";

const GO_SECONDS = 1.5;
let going = 0;

export function startKeys() {
  document.addEventListener("keydown", onKey);
}

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]");
}

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
  if (document.documentElement.dataset.keys === "off" || document.querySelector("dialog[open]")) return;
  const key = event.key === " " ? "" : event.key;
  if (going && Date.now() - going < GO_SECONDS * 1000) {
    going = 0;
    if (act(document.querySelector(`[data-go="${CSS.escape(key)}"]`))) event.preventDefault();
    return;
  }
  if (key === "g") going = Date.now();
  else if (key === "?") document.getElementById("shortcuts")?.showModal();
  else if (key === "j" || key === "k") walk(key === "j" ? 1 : -1);
  else if (key === "Enter" && event.target.closest?.("[data-row]") === event.target) act(open(event.target));
  else if (!act(seen(document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)))) return;
  event.preventDefault();
}

// Not offsetParent: what a closed <details> hides still has one.
const isSeen = (element) => element.checkVisibility();

function seen(elements) {
  return [...elements].find((element) => isSeen(element) || element === document.activeElement);
}

function act(element) {
  if (!element) return false;
  if (element.matches("input:not([type=checkbox], [type=radio]), textarea, select")) element.focus();
  else element.click();
  return true;
}

const open = (row) => row.querySelector("a[href][data-open]") ?? row.querySelector("a[href]");

function walk(step) {
  // For a moment the focus can be on a row that has gone with its ticket into a closed list: there is no walking there.
  const list = [document.activeElement?.closest?.("[data-list]"), ...document.querySelectorAll("[data-list]")].find((each) => each && isSeen(each));
  const rows = [...(list?.querySelectorAll("[data-row]") ?? [])].filter(isSeen);
  if (!rows.length) return;
  const here = document.activeElement?.closest?.("[data-row]") ?? list.querySelector('[data-row][aria-current="true"]');
  const at = rows.indexOf(here);
  const row = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + step))];
  row.tabIndex = -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}
