import { useEffect, useState } from 'react';
import type { Cluster } from '../api/types.gen';
import { draftOf, rebase, sameDraft, type Draft } from './draft';
import { anyKeys, noKeys, type Keys } from './keys';

/** What every part of the form works with. */
export interface Editing {
  cluster: Cluster;
  draft: Draft;
  set: <K extends keyof Draft>(key: K, value: Draft[K]) => void;
  /** Keys to put in place of those that the cluster has. */
  keys: Keys;
  setKeys: (keys: Keys) => void;
  /** Whether anything is to be saved. */
  dirty: boolean;
  /** Somebody else has changed the spec since the form began to be filled in. */
  overtaken: boolean;
  /** Shows a cluster as it is, without any edits. */
  settle: (to: Cluster) => void;
  /** Puts the edits on top of what the other one has made of the spec. */
  adopt: () => void;
  /** The cluster whose spec the edits are made to. */
  base: Cluster;
}

/** A form's content. While nothing was edited it follows the cluster. */
export function useDraft(cluster: Cluster): Editing {
  const [base, setBase] = useState(cluster);
  const [draft, setDraft] = useState(() => draftOf(cluster.spec));
  const [keys, setKeys] = useState(noKeys);
  const before = draftOf(base.spec);
  const dirty = !sameDraft(draft, before) || (anyKeys(keys) && draft.target === 's3' && draft.auth === 'keys');
  // The watch may be behind what this page itself has saved.
  const newer = (cluster.metadata.generation ?? 0) > (base.metadata.generation ?? 0);
  const follow = (to: Cluster, edited = draftOf(to.spec)) => {
    setBase(to);
    setDraft(edited);
  };
  if (newer && !dirty) follow(cluster);
  useWarning(dirty);
  return {
    cluster,
    base,
    draft,
    keys,
    setKeys,
    dirty,
    overtaken: newer && dirty,
    set: (key, value) => setDraft((now) => ({ ...now, [key]: value })),
    settle: (to) => {
      follow(to);
      setKeys(noKeys);
    },
    adopt: () => follow(cluster, rebase(draft, before, draftOf(cluster.spec))),
  };
}

/** Has the browser ask before it leaves the page and forgets what was typed. */
export function useWarning(when: boolean): void {
  useEffect(() => {
    if (!when) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [when]);
}
