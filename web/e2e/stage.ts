import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Where the manager of these tests is, and who may do what on it. */
export interface Stage {
  address: string;
  /** May do everything. */
  token: string;
  /** May look at everything. */
  viewer: string;
  /** May look at the cluster c0001. */
  narrow: string;
  /** May do nothing. */
  nobody: string;
  /** An S3 server whose certificate is signed by an authority of its own, and a bucket. */
  s3: { endpoint: string; bucket: string; region: string; accessKey: string; secretKey: string; ca: string; otherCA: string };
}

/** How long a manager with a fleet of a few simulated clusters may take to be ready. */
const patience = 5 * 60_000;

/** Starts the stage (test/page/stage) for all tests, and returns what ends it. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  const program = process.env['HOLDFAST_STAGE'];
  if (!program) throw new Error('HOLDFAST_STAGE names the built test/page/stage: scripts/page-test.sh builds it');
  const child = spawn(program, ['-clusters', process.env['HOLDFAST_STAGE_CLUSTERS'] ?? '8'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve)),
    ended.then(() => Promise.reject(new Error('the stage has ended: see above'))),
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error('the stage is not ready in time')), patience).unref()),
  ]);
  process.env['HOLDFAST_PAGE'] = line;
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

export function stage(): Stage {
  return JSON.parse(process.env['HOLDFAST_PAGE'] ?? '{}') as Stage;
}
