// Sends one signed act and waits for the worker's answer to it.
import { CallError, call } from "./api.js";
import { openHandout } from "./open.js";

const PATIENCE_MS = 120_000;

// -> handout {result, code, key_file}. The same `act` may be sent again: its id makes it one. CallError "slow" after two minutes,
// "refused" with status 410 when the line holds neither the act nor its answer: nothing more will come.
export async function carryOut(session, act) {
  const options = { authorization: session.authorization, signal: session.signal };
  await call("/desk/acts", { ...options, body: act, keepalive: session.keepalive });
  const giveUp = Date.now() + PATIENCE_MS;
  while (Date.now() < giveUp) {
    await pause(Math.min(session.pollMs, 1000), session.signal);
    const { status, data } = await call(`/desk/acts/${act.id}`, options);
    if (status === 200) return openHandout(data.sealed, session.key.identity, act.id);
  }
  throw new CallError("slow");
}

export function pause(ms, signal) {
  return new Promise((done, stop) => {
    const halt = () => {
      clearTimeout(timer);
      stop(new CallError("stopped"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", halt);
      done();
    }, ms);
    if (signal.aborted) halt();
    else signal.addEventListener("abort", halt, { once: true });
  });
}
