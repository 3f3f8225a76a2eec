// What a page tells the desk beside its forms.
export const GONE = Symbol("there is no such ticket, for whoever looks");
export const LONGEST = 20_000; // to wait for an answer
const OUTLIVES = 30_000; // letters that browsers still send when their page is gone

const token = () => document.querySelector('meta[name="form-token"]')?.content ?? "";

/** Send fields to the desk; return its answer, `GONE`, or `null` where it did not do it, or not in time. */
export async function post(address, fields) {
  const body = new URLSearchParams(fields).toString();
  try {
    const answer = await fetch(address, {
      method: "POST",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded", "x-form-token": token(), "hx-request": "true", accept: "text/html" },
      credentials: "same-origin",
      keepalive: body.length < OUTLIVES,
      signal: AbortSignal.timeout(LONGEST),
    });
    if (answer.status === 404) return GONE;
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // the stream says that the desk is away
  }
}

/** Wait for a promise, but only for so many milliseconds. */
export const within = (promise, time) => Promise.race([promise, new Promise((done) => setTimeout(done, time))]);
