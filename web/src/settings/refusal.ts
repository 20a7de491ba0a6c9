import { ApiError } from '../api/client';
import type { Field } from './draft';

/** Why the API, or the form itself, refuses what was entered: in words, at the field where it belongs. */
export interface Refusal {
  fields: Partial<Record<Field, string>>;
  /** What belongs to no field. */
  rest: string[];
}

export const none: Refusal = { fields: {}, rest: [] };

/** Fields of the API below spec, and those of the form. The longest that fits wins. */
const fields: Record<string, Field> = {
  'etcd.disableSnapshots': 'on',
  'etcd.snapshotScheduler': 'scheduler',
  'etcd.snapshotScheduleCron': 'cron',
  'etcd.snapshotIntervalHours': 'hours',
  'etcd.snapshotRetention': 'retention',
  'etcd.verify': 'verify',
  'etcd.minFree': 'minFree',
  'etcd.s3.bucket': 'bucket',
  'etcd.s3.endpoint': 'endpoint',
  'etcd.s3.region': 'region',
  'etcd.s3.folder': 'folder',
  'etcd.s3.endpointCA': 'ca',
  'etcd.s3.skipSSLVerify': 'skipVerify',
  'etcd.s3.insecure': 'insecure',
  'etcd.s3.credentialSecretName': 'auth',
  'etcd.s3.retention': 's3Retention',
  'etcd.s3.bucketLookup': 'lookup',
  'etcd.s3.timeout': 'timeout',
  'etcd.s3': 'insecure',
  escrowRecipients: 'recipients',
};

/** Sorts what the API said of a Cluster, or of a task that tests a target, to the form's fields. */
export function refusal(err: Error): Refusal {
  const found: Refusal = { fields: {}, rest: [] };
  const causes = err instanceof ApiError ? err.causes : [];
  for (const { field, message = '' } of causes) {
    // A rule that could not be tried, because another one failed, says nothing.
    if (/some validation rules were not checked/.test(message)) continue;
    const at = fieldOf(field ?? '') ?? fieldOf(/spec\.[\w.]+/.exec(message)?.[0] ?? '');
    if (at) found.fields[at] ??= plain(message);
    else found.rest.push(plain(message));
  }
  if (causes.length === 0) found.rest.push(plain(err.message));
  return found;
}

function fieldOf(path: string): Field | undefined {
  let rest = path
    .replace(/^<nil>$/, '')
    .replace(/\[\d+\]/g, '')
    .replace(/^spec\.(?=s3\b)/, 'etcd.')
    .replace(/^spec\./, '');
  for (; rest !== ''; rest = rest.replace(/\.?[^.]*$/, '')) {
    const field = fields[rest];
    if (field) return field;
  }
  return undefined;
}

/** The API's words without what stands beside them anyway: the value, and the field's path. */
export function plain(message: string): string {
  return message
    .replace(/^.*denied request: /s, '')
    .replace(/^Invalid value: (?:"(?:[^"\\]|\\.)*"|[^:]*): /s, '')
    .replace(/^spec\.[\w.[\]]+ in body /, '')
    .replace(/^spec\.[\w.[\]]+: /, '');
}
