import type { EtcdSnapshotRestore } from '../api/types.gen';
import { condition } from '../parts/condition';

type Status = NonNullable<EtcdSnapshotRestore['status']>;
export type Plan = NonNullable<Status['plan']>;
export type Check = NonNullable<Status['preflight']>[number];

/**
 * How far a plan is that nobody has approved. outdated: it speaks of what was asked for before. checking: the machines are being
 * asked. refused: a check has failed. ready: it can be approved.
 */
export type Readiness = 'outdated' | 'checking' | 'refused' | 'ready';

export function readiness({ metadata, status }: EtcdSnapshotRestore): Readiness {
  if (!status?.plan || (status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return 'outdated';
  const planned = condition({ status }, 'Planned');
  if (planned?.status !== 'True') return 'checking';
  // The manager's word, and the checks themselves: they are renewed while the plan stands.
  return planned.reason === 'Ready' && !status.preflight?.some(({ outcome }) => outcome === 'Failed') ? 'ready' : 'refused';
}

/** Checks that refuse nothing: the machines tell what would differ afterwards. */
const differences = ['Changes', 'NodesChange', 'ConfigChanges'];

/** What would differ afterwards: objects, nodes, configuration. */
export function differing(checks: Check[] = []): Check[] {
  return checks
    .filter(({ check }) => differences.includes(check))
    .sort((a, b) => differences.indexOf(a.check) - differences.indexOf(b.check) || a.machine.localeCompare(b.machine));
}

const order: Check['outcome'][] = ['Failed', 'Warning', 'Waiting', 'Passed'];

/** What was looked at, the worst first. */
export function looked(checks: Check[] = []): Check[] {
  return checks
    .filter(({ check }) => !differences.includes(check))
    .sort(
      (a, b) =>
        order.indexOf(a.outcome) - order.indexOf(b.outcome) ||
        a.machine.localeCompare(b.machine) ||
        a.check.localeCompare(b.check),
    );
}

/** The plan's text without what the page shows by itself: the verdict, the warnings, and what each machine does. */
export function explanation(plan: Plan): string[] {
  const said = new Set([
    ...(plan.warnings ?? []),
    ...(plan.machines ?? []).map(({ machine, action, reason }) => `${machine}: ${action}: ${reason ?? ''}.`),
  ]);
  return (plan.text ?? []).filter((line) => !line.startsWith('Verdict: ') && !said.has(line));
}
