// What the page asks its server.

/** An answer that is a refusal: a sentence, and what the server added. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body.error || `the laboratory answered with status ${status}`);
    this.status = status;
    this.body = body;
  }
}

async function ask(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const text = await answer.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = { error: text.trim() };
  }
  if (!answer.ok) throw new Refusal(answer.status, body);
  return body;
}

export const get = (path) => ask(path);
export const post = (path, body, more = {}) => ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), ...more });

/** This page among all that are open. */
export const tab = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);

/** Tell `act` every event of this page; `lost(true)` when the server is gone, `lost(false)` when it is back. */
export function listen(act, lost) {
  const source = new EventSource(`api/events?tab=${encodeURIComponent(tab)}`);
  let gone = 0;
  source.onmessage = (message) => act(JSON.parse(message.data));
  source.onopen = () => {
    clearTimeout(gone);
    gone = 0;
    lost(false);
  };
  source.onerror = () => {
    if (!gone) gone = setTimeout(() => lost(true), 1500);
    if (source.readyState === EventSource.CLOSED) lost(true);
  };
  return source;
}
