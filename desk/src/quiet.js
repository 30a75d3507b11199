// "I am being pressured": said without anybody at the screen seeing it.
import { carryOut, pause } from "./acts.js";
import { call } from "./api.js";
import { randomId } from "./bytes.js";
import { loadEpochs, loadMyself, myself } from "./mine.js";
import { loginRequest } from "./open.js";
import { pressuredAct } from "./statements.js";

const LONG_MS = 60_000;
const AGAIN_MS = 2000;

// The person suspends himself. For a minute, while this page lives, it is said again until the worker has taken it: where the line cannot be
// reached, where his time at the desk ran out (then he is logged in anew), where it was refused. That alone still holds his key, as the page
// has forgotten everything. The page waits for nothing of it: it shows the same whatever comes.
export async function tellQuietly(session) {
  const key = { ...session.key, seed: session.key.seed.slice() };
  const mine = { ...session, key, stubs: new Map(session.stubs), signal: AbortSignal.timeout(LONG_MS), keepalive: true }; // locking stops it not
  let act = null;
  while (!mine.signal.aborted) {
    try {
      mine.authorization ??= await letIn(key, mine.signal);
      if (!myself(mine)) await Promise.all([loadEpochs(mine), loadMyself(mine)]);
      act ??= await pressuredAct(key, myself(mine), randomId(), Date.now());
      if ((await carryOut(mine, act)).result === "done") break;
      act = null;
      Object.assign(mine, { epochs: null, me: null, stubs: new Map() }); // refused: what the page knew of card and keys may be of before
    } catch (error) {
      if (error.kind === "login") mine.authorization = null;
      else if (error.status === 403) break; // he is not let in: it was heard, or he is suspended already
      else if (error.kind === "refused") act = null; // that one will get no answer
    }
    await pause(AGAIN_MS, mine.signal).catch(() => {}); // the minute is over
  }
  key.seed.fill(0);
}

async function letIn(key, signal) {
  const { data: asked } = await call("/desk/challenge", { body: { person: key.person }, signal });
  const { data } = await call("/desk/login", { body: loginRequest(key, location.origin, asked.challenge), signal });
  return `Bearer ${data.token}`;
}
