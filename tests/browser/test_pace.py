"""How often a part of a page is read again; no browser is needed to say so."""

import json
import subprocess
from pathlib import Path

from tests.patience import PATIENCE

SCRIPTS = Path(__file__).parents[2] / "assets" / "js"
PACE = SCRIPTS / "pace.js"
# Something changes all the time: the reads of a minute, each of which takes 20 ms; then of a part that takes a second.
STORM = """
import { restOf } from "%s";
function reads(address, took, from, until, more = {}) {
  let count = 0;
  for (let now = from; now < until; count += 1) {
    now += took;
    now += restOf(address, { took, failed: false, hidden: false, now, ...more });
  }
  return count;
}
const quiet = restOf("/calm", { took: 20, failed: false, hidden: false, now: 0 });
console.log([quiet, reads("/a", 20, 0, 700), reads("/a", 20, 700, 60_700), reads("/a", 20, 90_000, 90_700),
  reads("/slow", 1000, 0, 60_000), reads("/b", 20, 0, 60_000, { hidden: true }),
  reads("/c", 20, 0, 60_000, { failed: true })].join(" "));
"""


def test_what_changes_now_and_then_is_read_at_once_and_a_storm_once_in_a_while() -> None:
    node = ["node", "--input-type=module", "--eval", STORM % PACE.as_uri()]
    done = subprocess.run(node, capture_output=True, text=True, timeout=PATIENCE, check=True)
    quiet, begin, storm, later, slow, hidden, failed = map(int, done.stdout.split())
    assert quiet <= 100
    assert begin == later == 6
    assert storm <= 60_000 / 600 + 6
    assert slow == 15
    assert hidden == failed == 12


def test_a_promise_counts_down_in_the_words_of_the_page() -> None:
    script = """
import { clock } from "%s";
console.log(JSON.stringify([167_000, 12_345, 61].flatMap((length) => [clock(length, "en"), clock(length, "de")])));
"""
    node = ["node", "--input-type=module", "--eval", script % (SCRIPTS / "times.js").as_uri()]
    done = subprocess.run(node, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert json.loads(done.stdout) == ["1 d 22 h", "1 T 22 Std.", "3:25 h", "3:25 Std.", "1:01", "1:01"]
