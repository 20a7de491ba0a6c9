import type { Cause, Status } from './meta';

/** Where the manager serves the Kubernetes API. */
const root = '/k8s';

/** Requests that are no watch end after this time: nothing waits without a deadline. */
const patience = 30_000;

/** A request that the API, or the way to it, refused. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 when nobody answered. */
    readonly code: number,
    /** The reason in Kubernetes' words, as "Forbidden"; empty when nobody gave one. */
    readonly reason: string,
    message: string,
    /** The fields at fault. */
    readonly causes: Cause[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether the same request may go well a little later. */
  get passing(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }
}

/** Told when the API no longer knows who is asking. */
let onSignedOut = () => {};

export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

/**
 * Sends a request to the Kubernetes API with the session's token.
 *
 * @throws ApiError when it was not answered with success.
 */
export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await send(root + path, { ...init, signal: withDeadline(init.signal ?? undefined) });
  return (await response.json()) as T;
}

/**
 * Opens a stream, which lasts until the server or the signal ends it.
 *
 * @throws ApiError when it was not answered with success.
 */
export function stream(path: string, signal: AbortSignal): Promise<Response> {
  return send(root + path, { signal });
}

/** Sends JSON to a path of the manager itself, outside the Kubernetes API. */
export async function call(path: string, method: string, body?: unknown): Promise<Response> {
  return send(path, {
    method,
    signal: withDeadline(undefined),
    headers: { 'Content-Type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin', redirect: 'error' });
  } catch (err) {
    if (init.signal?.aborted && !(init.signal.reason instanceof DOMException && init.signal.reason.name === 'TimeoutError'))
      throw err;
    throw new ApiError(0, '', err instanceof Error ? err.message : String(err));
  }
  if (response.ok) return response;
  const err = await refusal(response);
  if (err.code === 401) onSignedOut();
  throw err;
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    const status = JSON.parse(text) as Status;
    return new ApiError(response.status, status.reason ?? '', status.message ?? text, status.details?.causes);
  } catch {
    return new ApiError(response.status, '', text.trim() || response.statusText);
  }
}

function withDeadline(signal: AbortSignal | undefined): AbortSignal {
  const deadline = AbortSignal.timeout(patience);
  return signal ? AbortSignal.any([signal, deadline]) : deadline;
}
