// The desk's one script. Everything works without it; it makes things quicker, live and reachable by keyboard.
import htmx from "htmx.org";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { isReading, meanwhile, readAgain, showPlace, startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { morph } from "./morph.js";
import { startPalette } from "./palette.js";
import { startTimes } from "./times.js";
import { startTitles } from "./titles.js";
import { startToasts, toast } from "./toasts.js";

htmx.defineExtension("morph", {
  isInlineSwap: (style) => style.startsWith("morph"),
  handleSwap(style, target, fragment) {
    if (!style.startsWith("morph")) return false;
    const inner = style === "morph:innerHTML";
    const source = inner ? fragment : (fragment.firstElementChild ?? fragment);
    return morph(target, source, inner ? "innerHTML" : "outerHTML") ?? [target];
  },
});

// What the desk wants of htmx that a page cannot say in its meta tag.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="form-token"]')?.content;
  if (token && event.detail.verb !== "get") event.detail.headers["X-Form-Token"] = token;
});
document.addEventListener("htmx:sendError", () => toast(document.body.dataset.wordsAway, "warning"));
document.addEventListener("htmx:timeout", () => toast(document.body.dataset.wordsAway, "warning"));
document.addEventListener("desk:problem", (event) => toast(event.detail.message, "warning"));
document.addEventListener("desk:toast", (event) => toast(event.detail.text, event.detail.tone));
// An answer of another kind than a page (a proxy's, say) has no words of ours.
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (!xhr.getResponseHeader("HX-Trigger")) toast(document.body.dataset.wordsAway, "warning");
});

startForms();
startTimes();
startTitles();
startToasts();
startMenus();
startKeys();
startPalette();
startLive();
document.documentElement.classList.add("js");
// Whoever signs out on purpose leaves no words behind (drafts.js): somebody else may sit down at this tab.
if (document.querySelector("[data-signed-out]")) {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("draft:")) sessionStorage.removeItem(name);
}
// Where the network is gone, the browser's own error page would take the desk away; ours says what to do.
if (document.getElementById("line")) navigator.serviceWorker?.register("/sw.js").catch(() => {});

// For the scripts of single pages, which come after this one.
window.desk = { htmx, isReading, meanwhile, morph, readAgain, showPlace, toast };
