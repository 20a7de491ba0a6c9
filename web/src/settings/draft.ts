import type { Cluster } from '../api/types.gen';

export type Spec = Cluster['spec'];
export type Etcd = NonNullable<Spec['etcd']>;
export type S3 = NonNullable<Etcd['s3']>;

/** What the form holds: texts as they were typed, so that the API judges them and nobody else. */
export interface Draft {
  on: boolean;
  scheduler: 'distribution' | 'holdfast';
  cron: string;
  hours: string;
  retention: string;
  target: 'local' | 's3';
  endpoint: string;
  bucket: string;
  folder: string;
  region: string;
  /** Where the nodes' credentials come from: a Secret, or their own role. */
  auth: 'keys' | 'role';
  ca: string;
  lookup: NonNullable<S3['bucketLookup']>;
  skipVerify: boolean;
  insecure: boolean;
  timeout: string;
  s3Retention: string;
  verify: NonNullable<Etcd['verify']>;
  minFree: string;
  /** Age recipients of the escrow, one a line. */
  recipients: string;
}

export type Field = keyof Draft | 'accessKey' | 'secretKey';

/** What the form shows for a spec. */
export function draftOf(spec: Spec): Draft {
  const etcd = spec.etcd ?? {};
  const s3: Partial<S3> = etcd.s3 ?? {};
  return {
    on: !etcd.disableSnapshots,
    scheduler: etcd.snapshotScheduler ?? (spec.distro === 'etcd' ? 'holdfast' : 'distribution'),
    cron: etcd.snapshotScheduleCron ?? '',
    hours: text(etcd.snapshotIntervalHours),
    retention: text(etcd.snapshotRetention),
    target: etcd.s3 ? 's3' : 'local',
    endpoint: s3.endpoint ?? '',
    bucket: s3.bucket ?? '',
    folder: s3.folder ?? '',
    region: s3.region ?? '',
    auth: etcd.s3 && !s3.credentialSecretName ? 'role' : 'keys',
    ca: s3.endpointCA ?? '',
    lookup: s3.bucketLookup ?? 'auto',
    skipVerify: s3.skipSSLVerify ?? false,
    insecure: s3.insecure ?? false,
    timeout: s3.timeout ?? '',
    s3Retention: text(s3.retention),
    verify: etcd.verify ?? 'restore',
    minFree: text(etcd.minFree),
    recipients: (spec.escrowRecipients ?? []).join('\n'),
  };
}

/**
 * The spec that a form's content means. What the form has no field for stays as it is.
 *
 * @param secret - the Secret with the target's keys, if there is one.
 */
export function specOf(before: Spec, draft: Draft, secret: string | undefined): Spec {
  const etcd = given({
    ...before.etcd,
    disableSnapshots: draft.on ? undefined : true,
    // A default is not written out: nothing else would have changed.
    snapshotScheduler: draft.scheduler === draftOf(before).scheduler ? before.etcd?.snapshotScheduler : draft.scheduler,
    // What the distribution does is observed, and not for the form to change.
    ...(draft.scheduler === 'holdfast' && {
      snapshotScheduleCron: draft.cron.trim(),
      snapshotIntervalHours: number(draft.hours),
      snapshotRetention: number(draft.retention),
    }),
    verify: draft.verify,
    minFree: draft.minFree.trim(),
    s3: draft.target === 's3' ? s3Of(before.etcd?.s3, draft, secret) : undefined,
  });
  const recipients = draft.recipients.split(/\s+/).filter(Boolean);
  return given({ ...before, etcd, escrowRecipients: recipients.length > 0 ? recipients : undefined }) as Spec;
}

/** The target that a form's content means. */
export function s3Of(before: S3 | undefined, draft: Draft, secret: string | undefined): S3 {
  return given({
    ...before,
    endpoint: draft.endpoint.trim(),
    bucket: draft.bucket.trim(),
    folder: draft.folder.trim(),
    region: draft.region.trim(),
    credentialSecretName: draft.auth === 'keys' ? secret : undefined,
    endpointCA: draft.ca.trim() === '' ? '' : `${draft.ca.trim()}\n`,
    bucketLookup: draft.lookup === 'auto' ? before?.bucketLookup && 'auto' : draft.lookup,
    skipSSLVerify: draft.skipVerify || undefined,
    insecure: draft.insecure || undefined,
    timeout: draft.timeout.trim(),
    retention: number(draft.s3Retention),
  }) as S3;
}

/** Somebody's edits, on top of what somebody else has made of the same spec. */
export function rebase(mine: Draft, before: Draft, theirs: Draft): Draft {
  const changed = Object.entries(mine).filter(([key, value]) => before[key as keyof Draft] !== value);
  return { ...theirs, ...Object.fromEntries(changed) };
}

export function sameDraft(a: Draft, b: Draft): boolean {
  return Object.entries(a).every(([key, value]) => b[key as keyof Draft] === value);
}

/** Whether anything is set that the form shows among its advanced options only. */
export function isAdvanced(draft: Draft): boolean {
  return (
    draft.lookup !== 'auto' ||
    draft.skipVerify ||
    draft.insecure ||
    draft.timeout !== '' ||
    draft.s3Retention !== '' ||
    draft.verify !== 'restore' ||
    draft.minFree !== ''
  );
}

function text(value: string | number | undefined): string {
  return value === undefined ? '' : String(value);
}

// What is no number is sent as it is: the API says so at its field.
function number(value: string): number | undefined {
  const trimmed = value.trim();
  if (trimmed === '') return undefined;
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : (trimmed as unknown as number);
}

/** An object without what is undefined or empty. */
function given<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== '')) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
