// What the service refused or could not do, and requests that end in an answer or in that.

/** Why there is no answer; `message` is a sentence for people, `waitS` when to come back. */
export class Refusal extends Error {
  constructor(status, error, headers) {
    super(error?.message ?? `The service answered ${status}.`);
    this.status = status;
    this.code = error?.code ?? "";
    this.requestId = headers?.get("X-Request-ID") ?? "";
    this.waitS = waitOf(headers);
  }
}

/** What becomes of a request that is given up here, in the service's own terms. */
export const stopped = () => new Refusal(0, { message: "Stopped.", code: "turn_cancelled" });

/** Ask the service; whatever is not 2xx, and no answer at all, is a Refusal. */
export async function reach(path, options) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    if (options.signal?.aborted) throw stopped();
    throw new Refusal(0, { message: "The service cannot be reached.", code: "unreachable" });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Refusal(answer.status, told?.error, answer.headers);
}

function waitOf(headers) {
  const ms = headers?.get("retry-after-ms");
  return ms ? Number(ms) / 1000 : Number(headers?.get("Retry-After") ?? 0);
}
