// Makes one tree into another without losing focus, scroll, what is typed or what is open.
import { Idiomorph } from "idiomorph";

/** Whether somebody has changed a control since the page gave it to them. */
export function isDirty(control) {
  if (control.matches('input[type="checkbox"], input[type="radio"]')) return control.checked !== control.defaultChecked;
  if (control.matches('input[type="hidden"]')) return false;
  if (control.matches("input, textarea")) return control.value !== control.defaultValue;
  if (control.matches("select")) return [...control.options].some((option) => option.selected !== option.defaultSelected);
  return false;
}

let root; // of the tree that is being morphed
let following = false; // whether that is because something changed elsewhere, and not the answer to what one did here

const SET_BY_SCRIPTS = new Set(["aria-selected", "tabindex"]);
const callbacks = {
  beforeNodeMorphed(old, next) {
    if (old.nodeType !== Node.ELEMENT_NODE) return true;
    // What has an address of its own is read from there, and is not the surrounding page's to empty.
    if (old !== root && old.dataset.src && old.dataset.src === next.dataset?.src) return false;
    if (old.hasAttribute("data-keep") || isDirty(old)) return false;
    if (following && old.name === "_once") return false; // what may be on its way is the same when it is sent again
    if (old.isEqualNode(next)) return false;
    if (old.dataset.version && next.dataset?.version && old.dataset.version !== next.dataset.version) {
      queueMicrotask(() => tint(old));
    }
    return true;
  },
  beforeNodeAdded(node) {
    if (node.nodeType === Node.ELEMENT_NODE && node.dataset.version) queueMicrotask(() => tint(node));
    return true;
  },
  beforeNodeRemoved: (node) => !(node.nodeType === Node.ELEMENT_NODE && node.matches(following ? "[data-keep], [data-answer]" : "[data-keep]")),
  // What somebody has opened stays open; what only scripts set is not the server's to take away: a row that can have
  // the focus no more loses it, and a form that is on its way would be sent again.
  beforeAttributeUpdated: (name, node) =>
    !(name === "open" && node.matches("details, dialog")) &&
    !(SET_BY_SCRIPTS.has(name) && node.hasAttribute("data-row")) &&
    !(name === "aria-busy" && following && node.matches("form")),
};

/** Make a tree into another; one that only follows what happened elsewhere keeps what an answer to somebody here said. */
export function morph(old, next, morphStyle = "outerHTML", { follows = false } = {}) {
  root = old;
  following = follows;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  // An element stands for itself; its inside is meant here.
  const content = morphStyle === "innerHTML" && next.nodeType === Node.ELEMENT_NODE ? [...next.childNodes] : next;
  const made = Idiomorph.morph(old, content, { morphStyle, ignoreActiveValue: true, restoreFocus: true, callbacks });
  if (held && document.activeElement !== held) giveBack(held);
  return made;
}

/** Idiomorph gives the focus back to fields alone; whoever is on a row, a link or a button does not want to lose it either. */
function giveBack(held) {
  const one = held.isConnected ? held : held.id && document.getElementById(held.id);
  if (one && document.activeElement === document.body) one.focus({ preventScroll: true });
}

function tint(element) {
  element.classList.remove("changed");
  void element.offsetWidth; // begins the animation anew
  element.classList.add("changed");
  element.addEventListener("animationend", () => element.classList.remove("changed"), { once: true });
}
