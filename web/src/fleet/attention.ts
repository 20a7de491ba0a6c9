import type { Cluster } from '../api/types.gen';
import { condition, isFalse } from '../parts/condition';

/** What somebody may have to look at, the most urgent first. */
export const concerns = [
  'noSnapshot',
  'overdue',
  'notReady',
  'noSchedule',
  'notProven',
  'localOnly',
  'noEscrow',
  'drifted',
] as const;

export type Concern = (typeof concerns)[number];

/** How bad it is. */
export type Level = 'danger' | 'warning' | 'note';

export const levels: Record<Concern, Level> = {
  noSnapshot: 'danger',
  overdue: 'danger',
  notReady: 'danger',
  noSchedule: 'warning',
  notProven: 'warning',
  localOnly: 'warning',
  noEscrow: 'note',
  drifted: 'note',
};

/** The manager's words for a concern; undefined when its name says all. */
export interface Found {
  concern: Concern;
  message?: string | undefined;
}

/** What of a cluster needs attention, the most urgent first. A cluster that nobody has looked at yet needs none. */
export function attention(cluster: Cluster): Found[] {
  const found: Found[] = [];
  const add = (concern: Concern, type?: string) => found.push({ concern, message: type && condition(cluster, type)?.message });
  const isProtected = condition(cluster, 'Protected');
  if (isProtected?.reason === 'NoSnapshot') add('noSnapshot', 'Protected');
  if (isProtected?.reason === 'Overdue') add('overdue', 'Protected');
  if (isFalse(cluster, 'Ready')) add('notReady', 'Ready');
  if (isFalse(cluster, 'Scheduled')) add('noSchedule', 'Scheduled');
  if (cluster.status?.lastComplete && !cluster.status.lastProven) add('notProven');
  if (isFalse(cluster, 'Offsite')) add('localOnly', 'Offsite');
  if (isFalse(cluster, 'Escrowed')) add('noEscrow', 'Escrowed');
  if (condition(cluster, 'Drifted')?.status === 'True') add('drifted', 'Drifted');
  return found;
}

/** The worst level of what was found; undefined when there is nothing. */
export function worst(found: Found[]): Level | undefined {
  const order: Level[] = ['danger', 'warning', 'note'];
  return order.find((level) => found.some(({ concern }) => levels[concern] === level));
}

/** Orders clusters so that whoever needs attention most comes first, and then by name. */
export function byUrgency(a: Cluster, b: Cluster): number {
  return rank(a) - rank(b) || name(a).localeCompare(name(b));
}

function rank(cluster: Cluster): number {
  const first = attention(cluster)[0];
  return first ? concerns.indexOf(first.concern) : concerns.length;
}

function name(cluster: Cluster): string {
  return `${cluster.metadata.name}/${cluster.metadata.namespace}`;
}
