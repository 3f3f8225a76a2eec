// Nothing is kept for offline use but one page that says that there is no connection; what people read is never stored.
const CACHE = "answerable offline 1";
const PAGE = "/offline";

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(async () => (await caches.match(PAGE)) ?? Response.error()));
  } else if (request.destination === "style" || request.destination === "image") {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});

/** Keep the page, and what its head names. */
async function keep() {
  const cache = await caches.open(CACHE);
  const answer = await fetch(PAGE, { cache: "reload" });
  const needed = [...(await answer.clone().text()).matchAll(/href="(\/static\/[^"]+)"/g)].map((match) => match[1]);
  await cache.addAll(needed);
  await cache.put(PAGE, answer);
}
