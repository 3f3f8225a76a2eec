// Short notes at the edge of the page, with Undo for eight seconds.
const SECONDS = 8;

export function startToasts() {
  tend();
  document.addEventListener("htmx:oobAfterSwap", tend);
  document.addEventListener("htmx:afterSettle", tend);
}

function region() {
  return document.getElementById("toasts");
}

function tend() {
  for (const note of region()?.querySelectorAll(".toast:not([data-tended])") ?? []) {
    note.dataset.tended = "";
    let timer;
    const leave = () => note.remove();
    const stay = () => clearTimeout(timer);
    const wait = () => {
      stay();
      if (!note.matches(":hover, :focus-within")) timer = setTimeout(leave, SECONDS * 1000);
    };
    note.addEventListener("pointerenter", stay);
    note.addEventListener("pointerleave", wait);
    note.addEventListener("focusin", stay);
    note.addEventListener("focusout", wait);
    note.querySelector("[data-dismiss]")?.addEventListener("click", leave);
    wait();
  }
}

/** Show a note; `tone` is `done` or `warning`. */
export function toast(text, tone = "done") {
  const template = document.getElementById("toast");
  if (!template || !text) return;
  const note = template.content.firstElementChild.cloneNode(true);
  note.classList.add(`toast-${tone}`);
  note.querySelector("p").textContent = text;
  const same = [...region().children].find((other) => other.textContent.trim() === note.textContent.trim());
  same?.remove();
  region().append(note);
  tend();
}
