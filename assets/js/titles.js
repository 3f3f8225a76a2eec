// The browser's title says how many notifications are unread: "(3) My tickets".
export function startTitles() {
  say();
  document.addEventListener("htmx:afterSettle", say);
  document.addEventListener("desk:morphed", say);
}

function say() {
  const bell = document.querySelector("[data-unread]");
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const count = bell ? Number(bell.dataset.unread) : 0;
  const title = count > 0 ? `(${count > 99 ? "99+" : count}) ${bare}` : bare;
  if (title !== document.title) document.title = title;
}
