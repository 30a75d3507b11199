// "I am being pressured": said without anybody at the screen seeing it.
import { call } from "./api.js";
import { pause } from "./acts.js";
import { randomId } from "./bytes.js";
import { loadEpochs, loadMyself, myself } from "./mine.js";
import { pressuredAct } from "./statements.js";

const TRIES = 20;
const AGAIN_MS = 3000;

// The person suspends himself. Tried again for a minute while the line cannot be reached and this page lives; that alone still holds his
// key, as the page has forgotten everything. Waits for no answer: the page shows the same whatever comes.
export async function tellQuietly(session) {
  const key = { ...session.key, seed: session.key.seed.slice() };
  const mine = { ...session, key, stubs: new Map(session.stubs), signal: new AbortController().signal }; // which locking does not stop
  for (let tries = 0, act = null; tries < TRIES; tries += 1) {
    try {
      if (!myself(mine)) await Promise.all([loadEpochs(mine), loadMyself(mine)]);
      act ??= await pressuredAct(key, myself(mine), randomId(), Date.now());
      await call("/desk/acts", { authorization: mine.authorization, body: act, signal: mine.signal, keepalive: true });
      break;
    } catch (error) {
      if (error.kind === "login") break; // he is not let in any more
      await pause(AGAIN_MS, mine.signal);
    }
  }
  key.seed.fill(0);
}
