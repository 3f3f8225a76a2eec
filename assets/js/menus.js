// Menus are <details class="menu">, dialogs <dialog>: both are the browser's own; this adds keys, and closes what is left.
export function startMenus() {
  showWhereOneIs();
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    if (event.target.closest("[data-back]")) history.back();
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
    // A click on the backdrop is one on the dialog itself.
    if (event.target.matches?.("dialog[open]")) event.target.close();
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    const items = [...menu.querySelectorAll("a[href], button:not(:disabled), input, select")].filter((item) => item.offsetParent);
    const at = items.indexOf(document.activeElement);
    if (event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** On a phone a row of links is longer than the window: it begins with where one is. */
function showWhereOneIs() {
  for (const here of document.querySelectorAll('.sections > [aria-current="page"], .view-list [aria-current="page"], .tabs > [aria-current="page"]')) {
    const row = here.closest(".sections, .view-list, .tabs");
    const [inside, outside] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
    if (inside.right > outside.right) row.scrollLeft += inside.left - outside.left - 16;
  }
}
