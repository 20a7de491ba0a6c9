import type { EtcdSnapshotRestore } from '../api/types.gen';

export type Spec = EtcdSnapshotRestore['spec'];
export type Scope = NonNullable<Spec['restoreRKEConfig']>;
export type SourceKind = keyof Spec['source'];

/** Where a restore may take its data from, in the order in which they are offered. */
export const sourceKinds = [
  'latestProven',
  'snapshot',
  'at',
  'file',
  's3URI',
  'survivor',
  'replace',
] as const satisfies readonly SourceKind[];

export const scopes = ['none', 'kubernetesVersion', 'all'] as const satisfies readonly Scope[];

/** What somebody has filled in. It keeps what was typed for each kind of source, and only one kind counts. */
export interface Wanted {
  kind: SourceKind;
  snapshot: string;
  /** A moment as the browser's own field has it: local, "2026-11-22T02:00". */
  at: string;
  file: string;
  s3URI: string;
  survivor: string;
  replace: string;
  scope: Scope;
  safetySnapshot: boolean;
  onFailure: NonNullable<Spec['onFailure']>;
  /** The machine that is restored first, and that holds the file. Empty: the manager chooses. */
  initMachine: string;
  excludeMachines: string[];
  confirmPoweredOff: string[];
  secretName: string;
}

/** What a restore asks for now. */
export function wantedOf({ source, ...spec }: Spec): Wanted {
  return {
    kind: sourceKinds.find((kind) => source[kind]) ?? 'latestProven',
    snapshot: source.snapshot ?? '',
    at: source.at ? localOf(new Date(source.at)) : '',
    file: source.file ?? '',
    s3URI: source.s3URI ?? '',
    survivor: source.survivor ?? '',
    replace: source.replace ?? '',
    scope: spec.restoreRKEConfig ?? 'none',
    safetySnapshot: spec.safetySnapshot ?? true,
    onFailure: spec.onFailure ?? 'rollback',
    initMachine: spec.initMachine ?? '',
    excludeMachines: [...(spec.excludeMachines ?? [])].sort(),
    confirmPoweredOff: [...(spec.confirmPoweredOff ?? [])].sort(),
    secretName: spec.secretName ?? '',
  };
}

/** What has to be filled in before the manager can make a plan; undefined when nothing is missing. */
export function missing(wanted: Wanted): SourceKind | 'holder' | undefined {
  switch (wanted.kind) {
    case 'latestProven':
      return undefined;
    case 'at':
      return Number.isNaN(Date.parse(wanted.at)) ? 'at' : undefined;
    case 's3URI':
      return /^s3:\/\/[^/]+\/.+$/.test(wanted.s3URI) ? undefined : 's3URI';
    case 'file':
      // The manager finds the holder of a bare name. A path is looked up on one machine.
      return wanted.file === '' ? 'file' : wanted.file.includes('/') && wanted.initMachine === '' ? 'holder' : undefined;
    default:
      return wanted[wanted.kind] === '' ? wanted.kind : undefined;
  }
}

/** The spec that asks for it. */
export function specOf(wanted: Wanted): Spec {
  return {
    source: { [wanted.kind]: valueOf(wanted) },
    restoreRKEConfig: wanted.scope,
    safetySnapshot: wanted.safetySnapshot,
    onFailure: wanted.onFailure,
    ...(wanted.initMachine && { initMachine: wanted.initMachine }),
    ...(wanted.excludeMachines.length > 0 && { excludeMachines: wanted.excludeMachines }),
    ...(wanted.confirmPoweredOff.length > 0 && { confirmPoweredOff: wanted.confirmPoweredOff }),
    ...(wanted.secretName && { secretName: wanted.secretName }),
  };
}

function valueOf(wanted: Wanted): string | boolean {
  if (wanted.kind === 'latestProven') return true;
  // The API knows seconds, and a zone.
  if (wanted.kind === 'at') return new Date(wanted.at).toISOString().replace(/\.\d+Z$/, 'Z');
  return wanted[wanted.kind];
}

/** Whether two ask for the same. What was typed for another kind of source does not count. */
export function isSame(a: Wanted, b: Wanted): boolean {
  return missing(a) === undefined && missing(b) === undefined && JSON.stringify(specOf(a)) === JSON.stringify(specOf(b));
}

/** A JSON merge patch of spec that leaves nothing of what was asked for before. */
export function patchOf(wanted: Wanted): object {
  const spec = specOf(wanted);
  return {
    initMachine: null,
    excludeMachines: null,
    confirmPoweredOff: null,
    secretName: null,
    ...spec,
    source: { ...Object.fromEntries(sourceKinds.map((kind) => [kind, null])), ...spec.source },
  };
}

/** A moment as the browser's own field for it wants it. */
export function localOf(moment: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${day}T${two(moment.getHours())}:${two(moment.getMinutes())}`;
}
