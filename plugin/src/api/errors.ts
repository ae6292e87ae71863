/**
 * Why a request came to nothing, by who can help:
 * `unreachable` Backstage did not reach the sidecar, `offline` the browser did not reach Backstage,
 * `unknown` the sidecar knows no such entity, `unauthenticated` and `forbidden` who may not,
 * `busy` ask again later, `refused` anything else that the sidecar said no to, `failed` what is nobody's fault here.
 */
export type FailureKind =
  | 'unreachable'
  | 'offline'
  | 'noRoute'
  | 'unknown'
  | 'unauthenticated'
  | 'forbidden'
  | 'busy'
  | 'refused'
  | 'failed';

/** A request that failed; `message` is a sentence of the sidecar where it gave one. */
export class LitmusResilienceError extends Error {
  override readonly name = 'LitmusResilienceError';

  constructor(
    readonly kind: FailureKind,
    message: string,
    /** HTTP status; `null` without an answer. */
    readonly status: number | null,
    /** The sidecar's stable code of the error; `null` where something else answered. */
    readonly code: string | null,
    readonly requestID: string | null = null,
  ) {
    super(message);
  }
}

interface Problem {
  detail?: unknown;
  code?: unknown;
  requestID?: unknown;
  error?: { message?: unknown };
}

/** Read why an answer is none. */
export async function failureOf(response: Response): Promise<LitmusResilienceError> {
  const text = await response.text().catch(() => '');
  const problem = parse(text);
  const code = string(problem?.code);
  const detail = string(problem?.detail) ?? string(problem?.error?.message) ?? '';
  return new LitmusResilienceError(
    kindOf(response.status, code),
    detail,
    response.status,
    code,
    string(problem?.requestID),
  );
}

/** The sidecar's answers have a code; what has none was said by Backstage or something in between. */
function kindOf(status: number, code: string | null): FailureKind {
  if (code === null) {
    if (status === 502 || status === 503 || status === 504) return 'unreachable';
    if (status === 404) return 'noRoute';
  }
  if (status === 401) return 'unauthenticated';
  if (status === 403) return code === null || code === 'forbidden' ? 'forbidden' : 'refused';
  if (status === 404) return 'unknown';
  if (status === 429 || code === 'not_ready' || code === 'draining' || code === 'busy') return 'busy';
  return status >= 500 ? 'failed' : 'refused';
}

function parse(text: string): Problem | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function string(value: unknown): string | null {
  return typeof value === 'string' && value ? value : null;
}
