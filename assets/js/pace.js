// How long a part of the page rests after it was read: what changes now and then is seen at once, a storm a few times a second.
const QUICK = 100;
const CALM = 600; // where much happens, a part is read this long after it was last, not at every signal
const HIDDEN = 5000; // the same where nobody looks: the title goes on counting
const SLOW = 3; // a part that takes long rests this many times as long
const LONGEST = 20_000;
const AHEAD = 6; // reads that may come quickly one after the other; one more every CALM
const owing = new Map(); // address -> until when its reads are spent

/** Return for how many milliseconds a part rests that took some to read. */
export function restOf(address, { took, failed, hidden, now }) {
  const owed = Math.max(owing.get(address) ?? 0, now) + CALM;
  if (owing.size > 50) owing.clear();
  owing.set(address, owed);
  const calm = owed - now > AHEAD * CALM ? CALM : QUICK;
  return Math.min(Math.max(hidden || failed ? HIDDEN : calm, took * SLOW), LONGEST);
}
