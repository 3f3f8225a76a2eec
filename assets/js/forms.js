// Forms: complaints beside their fields as one types and on submit, one submit only, Ctrl+Enter, the browser's time zone.
let pressing = false;
const left = new Set(); // controls that lost the focus meanwhile

export function startForms() {
  fill(document);
  document.addEventListener("htmx:load", (event) => fill(event.target));
  document.addEventListener("focusout", (event) => (pressing ? left.add(event.target) : touched(event.target)));
  // A complaint that appears under the pointer would move away what is about to be clicked.
  document.addEventListener("pointerdown", () => (pressing = true), true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, released, true);
  document.addEventListener("input", (event) => {
    if (event.target.closest?.(".field.touched")) check(event.target);
  });
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form[data-ctrl-enter]");
    if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-default]") ?? undefined);
    }
  });
  // Selects and switches that need no button: their form goes out when they change.
  document.addEventListener("change", (event) => event.target.closest?.("[data-submits]")?.form?.requestSubmit());
  window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(release));
  // By its own answer alone: what a field or a part inside of it asks for says nothing of what was sent.
  document.addEventListener("htmx:afterRequest", ({ detail: { elt } }) => elt.matches("form") && release(elt));
}

function fill(root) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const input of root.querySelectorAll?.("input[data-zone]") ?? []) input.value = zone;
  // Our own words are kinder than the browser's; without this script the browser's are there.
  for (const form of root.querySelectorAll?.("form[data-check]") ?? []) form.noValidate = true;
}

function released() {
  pressing = false;
  setTimeout(() => {
    left.forEach(touched);
    left.clear();
  });
}

function touched(control) {
  const field = control.closest?.("form[data-check] .field");
  if (!field || !control.validity || (control.value === "" && !field.classList.contains("touched"))) return;
  field.classList.add("touched");
  check(control);
}

function complaintOf(control) {
  const { validity, dataset } = control;
  if (validity.valid) return "";
  if (validity.valueMissing) return dataset.saysMissing;
  if (validity.tooShort || control.minLength > control.value.length) return dataset.saysShort;
  if (validity.tooLong) return dataset.saysLong;
  return dataset.saysWrong;
}

function check(control) {
  const field = control.closest(".field");
  if (!field || !control.validity) return true;
  // The browser finds a text too short only after somebody typed it.
  const short = control.minLength > 0 && control.value !== "" && control.value.trim().length < control.minLength;
  const complaint = short ? control.dataset.saysShort : (complaintOf(control) ?? control.validationMessage);
  const place = field.querySelector(".error");
  field.classList.toggle("invalid", Boolean(complaint));
  if (complaint) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
  if (place) {
    place.textContent = complaint;
    place.hidden = !complaint;
  }
  return !complaint;
}

function onSubmit(event) {
  const form = event.target;
  if (form.hasAttribute("aria-busy")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (form.matches("[data-check]")) {
    const wrong = [...form.elements].filter((control) => {
      const field = control.closest?.(".field");
      field?.classList.add("touched");
      return field && !check(control);
    });
    if (wrong.length) {
      event.preventDefault();
      event.stopImmediatePropagation();
      wrong[0].focus();
      return;
    }
  }
  if (form.method === "post") form.setAttribute("aria-busy", "true");
}

function release(form) {
  form.removeAttribute("aria-busy");
}
