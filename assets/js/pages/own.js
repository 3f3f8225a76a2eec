// Drafts of those who ask: what is typed is kept on this device until the desk has it, also over a session that ended.
const PAUSE = 300;
const DAYS = 14;
const FORGET_AFTER = DAYS * 86400000;
const isChoice = (control) => control.type === "radio" || control.type === "checkbox";
const isText = (control) => control.matches("textarea, input:not([type=radio], [type=checkbox])");

tidy();
for (const form of document.querySelectorAll("form[data-draft]")) keep(form);
for (const hint of document.querySelectorAll("[data-draft-hint]")) hint.hidden = !read(hint.dataset.draftHint);
previewAsOneTypes();

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(`draft:${key}`));
  } catch {
    return null;
  }
}

function write(key, draft) {
  try {
    if (draft) localStorage.setItem(`draft:${key}`, JSON.stringify(draft));
    else localStorage.removeItem(`draft:${key}`);
  } catch {
    // Storage is full or switched off: the page still works, and the server gives back what it refuses.
  }
}

/** Forget what was sent, once a page says that it is done, and what is old. */
function tidy() {
  const done = document.querySelector("#toasts .toast-done") !== null;
  try {
    for (const name of Object.keys(localStorage)) {
      if (!name.startsWith("draft:")) continue;
      const draft = read(name.slice(6));
      if (!draft || Date.now() - draft.at > FORGET_AFTER || (done && draft.sent)) localStorage.removeItem(name);
    }
  } catch {
    // No storage, no drafts.
  }
}

function controlsOf(form) {
  const names = (form.dataset.draftFields ?? "comment").split(" ");
  return [...form.elements].filter((control) => names.includes(control.name));
}

function keep(form) {
  const key = form.dataset.draft;
  const note = form.querySelector("[data-draft-note]");
  const untouched = controlsOf(form).every((control) => !isText(control) || control.value === "");
  const draft = read(key);
  if (draft && untouched) {
    for (const control of controlsOf(form)) {
      const value = draft.fields[control.name];
      if (value === undefined) continue;
      if (isChoice(control)) control.checked = control.value === value;
      else control.value = value;
    }
    if (draft.once) form.elements._once.value = draft.once; // it may have arrived all the same
    write(key, { ...draft, sent: false });
    if (note) note.hidden = false;
  }
  let timer;
  const save = () => {
    const fields = {};
    for (const control of controlsOf(form)) {
      if (!isChoice(control) || control.checked) fields[control.name] = control.value;
    }
    const something = controlsOf(form).some((control) => isText(control) && control.value.trim() !== "");
    write(key, something ? { at: Date.now(), fields, once: form.elements._once?.value } : null);
    if (note) note.hidden = !something;
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE);
  };
  const leave = () => {
    clearTimeout(timer);
    if (!form.hasAttribute("aria-busy") && form.isConnected) save();
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && leave());
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    clearTimeout(timer);
    save();
    const kept = read(key);
    if (kept) write(key, { ...kept, sent: true });
  });
  form.querySelector("[data-draft-drop]")?.addEventListener("click", () => {
    write(key, null);
    form.reset();
    for (const control of controlsOf(form)) if (isText(control)) control.value = "";
    if (note) note.hidden = true;
    controlsOf(form)[0]?.focus();
  });
}

/** Once asked for, the preview follows what is typed. */
function previewAsOneTypes() {
  const button = document.querySelector("[data-previews]");
  const place = document.getElementById("preview");
  if (!button || !place) return;
  let timer;
  button.form.querySelector("textarea").addEventListener("input", () => {
    clearTimeout(timer);
    if (place.childElementCount) timer = setTimeout(() => button.click(), 2 * PAUSE);
  });
}
