import { ApiError, stream } from './client';
import { pathOf, type Kind, type Scope } from './kinds';
import type { KubeObject, Status } from './meta';

/** One line of a watch. */
export type Change<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: T };

/** The API ends a watch after this many seconds, so that a dead connection is noticed. Spread, so that not all end at once. */
const lifetime = () => 240 + Math.floor(Math.random() * 120);

/**
 * Yields the changes after a version until the API or the signal ends the watch.
 *
 * @throws ApiError, with code 410 when the version is too old: list again.
 */
export async function* watch<T extends KubeObject>(
  kind: Kind<T>,
  scope: Scope,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<Change<T>> {
  const query = new URLSearchParams({
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(lifetime()),
    resourceVersion,
  });
  const response = await stream(`${pathOf(kind, scope)}?${query}`, signal);
  for await (const line of lines(response)) {
    const event = JSON.parse(line) as Change<T> | { type: 'ERROR'; object: Status };
    if (event.type === 'ERROR') {
      throw new ApiError(event.object.code ?? 500, event.object.reason ?? '', event.object.message ?? '');
    }
    yield event;
  }
}

async function* lines(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part.trim() !== '') yield part;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
