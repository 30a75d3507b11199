// Talks to the line: same origin, JSON, no cookies. A token is given per call and kept nowhere here.

// `kind`: away (no connection), login (401), refused (any other 4xx/5xx; `status`, `code` from the line).
export class CallError extends Error {
  constructor(kind, status = 0, code = "") {
    super(kind);
    this.name = "CallError";
    this.kind = kind;
    this.status = status;
    this.code = code;
  }
}

// -> {status, data}. `authorization` e.g. "Bearer …"; `signal` aborts; `keepalive`: arrives also when the page is left.
export async function call(path, { authorization, body, signal, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (authorization) headers.Authorization = authorization;
  if (body) headers["Content-Type"] = "application/json";
  const options = { headers, signal, keepalive, method: body ? "POST" : "GET", body: body ? JSON.stringify(body) : undefined };
  let response;
  let data = {};
  try {
    response = await fetch(path, { ...options, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", redirect: "error", mode: "same-origin" });
    const raw = await response.text();
    data = raw ? parse(raw) : {};
  } catch {
    throw new CallError(signal?.aborted ? "stopped" : "away");
  }
  if (response.status === 401) throw new CallError("login", 401);
  if (!response.ok) throw new CallError("refused", response.status, typeof data.error === "string" ? data.error : "");
  return { status: response.status, data };
}

function parse(raw) {
  try {
    const value = JSON.parse(raw);
    return value !== null && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

// The token of a practice page comes in the address after #, and leaves the address bar at once.
export function takePracticeToken() {
  const found = /^#practice=([\w.~-]+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname);
  return found[1];
}
