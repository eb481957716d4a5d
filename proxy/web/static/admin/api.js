// The admin interface, asked with the token of this tab.

/** What the window hears when the token is not good, or not any more. */
export const REFUSED = "admin-token-refused";

const KEPT = "chat-proxy admin token";

/** What the service refused or could not do; `message` is a sentence for people. */
export class Refusal extends Error {
  constructor(status, message, requestId) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

export const signedIn = () => sessionStorage.getItem(KEPT) !== null;

export function signIn(token) {
  sessionStorage.setItem(KEPT, token);
}

export function signOut() {
  sessionStorage.removeItem(KEPT);
}

/** Ask for JSON under /admin/api; answers null where there is none. */
export async function ask(method, path, body) {
  const answer = await send(method, path, "application/json", body);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path) => ask("GET", path);

/** Ask for a table; answers its text. */
export async function csv(path) {
  return (await send("GET", path, "text/csv")).text();
}

async function send(method, path, accept, body) {
  const headers = { Accept: accept, Authorization: `Bearer ${sessionStorage.getItem(KEPT)}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/admin/api${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new Refusal(0, "The service cannot be reached.", "");
  }
  if (answer.status === 401) dispatchEvent(new Event(REFUSED));
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer) {
  const requestId = answer.headers.get("X-Request-ID") ?? "";
  const told = await answer.json().catch(() => null);
  const message = told?.error?.message ?? `The service answered ${answer.status}.`;
  return new Refusal(answer.status, message, requestId);
}
