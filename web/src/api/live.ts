import { ApiError } from './client';
import type { Kind, Scope } from './kinds';
import { expired, list, type Snapshot } from './list';
import type { KubeObject } from './meta';
import { watch, type Change } from './watch';

/** What became of the connection to the API. */
export type Link = 'live' | 'broken';

/** Gets what a follower sees. */
export interface Sink<T> {
  /** All objects, anew. */
  replace(all: Snapshot<T>): void;
  /** Changes since, in order. They come together, a few times a second at most. */
  apply(changes: Change<T>[]): void;
  link(state: Link): void;
}

/** Changes are gathered for this long: a thousand clusters change all the time, and the page is drawn once for many. */
const gather = 250;

/** Waits between tries, in milliseconds. */
const firstWait = 1_000;
const longestWait = 30_000;

/** Keeps a sink up to date with a list, from a version that it has, until the signal ends it. It never gives up. */
export async function follow<T extends KubeObject>(
  kind: Kind<T>,
  scope: Scope,
  from: string,
  sink: Sink<T>,
  signal: AbortSignal,
): Promise<void> {
  let version: string | undefined = from;
  let wait = firstWait;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const all = await list(kind, scope, signal);
        sink.replace(all);
        version = all.resourceVersion;
      }
      const began = Date.now();
      version = await watchOnce(kind, scope, version, sink, signal);
      // A watch that ends as soon as it begins is no progress, however friendly it ends.
      if (Date.now() - began > firstWait) wait = firstWait;
      else await pause((wait = Math.min(2 * wait, longestWait)), signal);
    } catch (err) {
      if (signal.aborted || isFinal(err)) return;
      if (expired(err)) version = undefined;
      else sink.link('broken');
      await pause(wait * (0.5 + Math.random()), signal);
      wait = Math.min(2 * wait, longestWait);
    }
  }
}

/** Whether trying again is of no use: nobody is signed in, or may not. */
function isFinal(err: unknown): boolean {
  return err instanceof ApiError && (err.code === 401 || err.code === 403);
}

/** Passes on one watch's changes and returns the version that the next one begins at. */
async function watchOnce<T extends KubeObject>(
  kind: Kind<T>,
  scope: Scope,
  from: string,
  sink: Sink<T>,
  signal: AbortSignal,
): Promise<string> {
  let version = from;
  let gathered: Change<T>[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    const changes = gathered;
    gathered = [];
    if (changes.length > 0 && !signal.aborted) sink.apply(changes);
  };
  try {
    sink.link('live');
    for await (const change of watch(kind, scope, from, signal)) {
      version = change.object.metadata.resourceVersion;
      if (change.type === 'BOOKMARK') continue;
      gathered.push(change);
      timer ??= setTimeout(flush, gather);
    }
    return version;
  } finally {
    clearTimeout(timer);
    flush();
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}

/** A list with changes applied; objects keep their identity when they did not change. */
export function changed<T extends KubeObject>(before: Snapshot<T>, changes: Change<T>[]): Snapshot<T> {
  const items = new Map(before.items.map((item) => [item.metadata.uid, item]));
  let resourceVersion = before.resourceVersion;
  for (const { type, object } of changes) {
    resourceVersion = object.metadata.resourceVersion;
    if (type === 'DELETED') items.delete(object.metadata.uid);
    else items.set(object.metadata.uid, object);
  }
  return { resourceVersion, items: [...items.values()] };
}
