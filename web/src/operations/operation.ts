import type { EtcdSnapshotRestore, EtcdSnapshotSave, EtcdSnapshotTask } from '../api/types.gen';

export type Phase = NonNullable<NonNullable<EtcdSnapshotSave['status']>['phase']>;
export type Step = NonNullable<NonNullable<EtcdSnapshotSave['status']>['steps']>[number];

/** A save, a restore or a task: what they have in common, and which it is. */
export type Operation =
  | { kind: 'save'; object: EtcdSnapshotSave }
  | { kind: 'restore'; object: EtcdSnapshotRestore }
  | { kind: 'task'; object: EtcdSnapshotTask };

const ends: readonly Phase[] = ['Finished', 'Failed', 'Cancelled'];

/** Whether nothing happens any more. */
export function ended({ object }: Operation): boolean {
  return ends.includes(object.status?.phase ?? 'Pending');
}

/** A restore that waits for somebody to approve its plan. */
export function awaitsApproval(operation: Operation): boolean {
  return operation.kind === 'restore' && !operation.object.spec.approvedPlan && !ended(operation);
}

/** The phases that an operation goes through, in order. */
export function phases(operation: Operation): Phase[] {
  switch (operation.kind) {
    case 'save':
      return ['Started', 'RestartCluster', 'Finished'];
    case 'restore':
      return ['Started', 'Shutdown', 'Restore', 'RestartCluster', 'Finished'];
    case 'task':
      return ['Started', 'Finished'];
  }
}

export type Progress = 'done' | 'current' | 'pending' | 'failed';

/** A restore that has failed and was asked to leave everything as it is: it can still be taken back. */
export function isHeld({ kind, object }: Operation): boolean {
  return kind === 'restore' && object.status?.outcome === 'Held';
}

/** The phase in which the manager hands a step out. The others belong to Started. */
const handedOutIn: Record<string, Phase> = {
  Fence: 'Shutdown',
  StopDistro: 'Shutdown',
  MoveAside: 'Restore',
  RestoreEtcd: 'Restore',
  AdmitMember: 'Restore',
  JoinEtcd: 'Restore',
  InstallDistro: 'Restore',
  WriteConfig: 'Restore',
  PointServer: 'Restore',
  StartDistro: 'RestartCluster',
  WaitHealthy: 'RestartCluster',
  PromoteMember: 'RestartCluster',
  Commit: 'RestartCluster',
};

/** How far an operation that failed or was cancelled has come, by its steps: the API keeps no history of phases. */
function reached(operation: Operation): number {
  if (!operation.object.status?.started) return -1;
  const all = phases(operation);
  const steps = operation.object.status.steps ?? [];
  return Math.max(0, ...steps.map(({ step }) => all.indexOf(handedOutIn[step] ?? 'Started')));
}

/** How an operation stands in one of its phases. One that failed or was cancelled did so in the last one that it came to. */
export function progress(operation: Operation, phase: Phase): Progress {
  const all = phases(operation);
  const now = operation.object.status?.phase ?? 'Pending';
  if (now === 'Finished') return 'done';
  if (now === 'Pending') return 'pending';
  const index = all.indexOf(phase);
  if (now === 'Failed' || now === 'Cancelled') {
    const last = Math.max(0, reached(operation));
    return index < last ? 'done' : index === last ? 'failed' : 'pending';
  }
  const at = all.indexOf(now);
  return index < at ? 'done' : index === at ? 'current' : 'pending';
}

/** The newest first. */
export function newestFirst(a: Operation, b: Operation): number {
  return b.object.metadata.creationTimestamp.localeCompare(a.object.metadata.creationTimestamp);
}

/** An operation's steps by machine, in the order in which they were handed out. */
export function byMachine(steps: Step[]): Map<string, Step[]> {
  const machines = new Map<string, Step[]>();
  for (const step of steps) machines.set(step.machine, [...(machines.get(step.machine) ?? []), step]);
  return machines;
}
