import type { Cluster } from '../api/types.gen';
import { isFalse } from '../parts/condition';

/** What is to be done with a cluster that is new, in this order. */
export const nextSteps = ['machines', 'snapshot', 'target', 'escrow'] as const;

export type NextStep = (typeof nextSteps)[number];

/** For this long a cluster counts as new: afterwards its badges say what is missing. */
const young = 24 * 3_600_000;

/** Which of the steps are done; undefined when nobody has to be told any more. */
export function progressOf(cluster: Cluster, now: number): Record<NextStep, boolean> | undefined {
  const done = {
    machines: (cluster.status?.machines?.total ?? 0) > 0,
    snapshot: cluster.status?.lastComplete !== undefined,
    target: cluster.spec.etcd?.s3 !== undefined && !isFalse(cluster, 'Offsite'),
    escrow: (cluster.spec.escrowRecipients ?? []).length > 0,
  };
  const begun = done.machines && done.snapshot;
  const settled = nextSteps.every((step) => done[step]);
  const old = now - Date.parse(cluster.metadata.creationTimestamp) > young;
  return settled || (begun && old) ? undefined : done;
}
