// Turns that this tab asked for and has not seen the end of: a reload goes on with them.

const KEPT = "chat-proxy turns on their way";
export const NEW = "new";

const all = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");

/** The conversations in which something is on its way, as the list would show them. */
export const running = () =>
  Object.entries(all())
    .filter(([id]) => id !== NEW)
    .map(([id, told]) => ({ id, title: told.text ?? "", updated_at: told.at }));

/** What is on its way in a session, or in one whose id is not known yet (`NEW`). */
export const pending = (sessionId) => all()[sessionId] ?? null;

export function remember(sessionId, told) {
  sessionStorage.setItem(KEPT, JSON.stringify({ ...all(), [sessionId]: { ...told, at: Date.now() / 1000 } }));
}

/** Forget all of them: somebody else may sign in. */
export const forgetAll = () => sessionStorage.removeItem(KEPT);

export function forget(sessionId) {
  const { [sessionId]: _, ...others } = all();
  sessionStorage.setItem(KEPT, JSON.stringify(others));
}
