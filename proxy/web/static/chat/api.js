// The service's interface, asked as whoever is signed in.

import { authorization, known, signIn } from "./identity.js";
import { reach, Refusal } from "./refusal.js";

/** Ask; who is not known, or no longer, is asked for a key, and then the request goes on. */
export async function ask(method, path, { body, headers, signal } = {}) {
  for (;;) {
    if (!known() && !(await signIn())) {
      throw new Refusal(401, { message: "You are not signed in.", code: "invalid_api_key" });
    }
    try {
      return await reach(path, {
        method,
        signal,
        headers: {
          ...authorization(),
          ...(body && { "Content-Type": "application/json" }),
          ...headers,
        },
        body: body && JSON.stringify(body),
      });
    } catch (error) {
      const ended = error instanceof Refusal && error.status === 401;
      if (!ended || !(await signIn())) throw error;
    }
  }
}

/** Ask for JSON. */
export async function json(method, path, body) {
  return (await ask(method, path, { body })).json();
}
