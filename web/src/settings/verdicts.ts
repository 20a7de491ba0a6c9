import type { EtcdSnapshotTask } from '../api/types.gen';

export type Result = NonNullable<NonNullable<EtcdSnapshotTask['status']>['results']>[number];

/** What a test of a target has shown: a verdict for each right and machine. */
export interface Verdicts {
  machines: string[];
  /** The rights, in the order in which they were tried. */
  rights: string[];
  at(right: string, machine: string): Result | undefined;
  /** What went wrong, each with all those that say so. */
  problems: { machines: string[]; rights: string[]; message: string }[];
  /** Whether each right is there, on each machine. */
  passed: boolean;
}

/** Sorts a task's results by right and machine. */
export function verdicts(results: Result[]): Verdicts {
  // A machine that says nothing yet stands there with an empty subject.
  const told = results.filter(({ subject, message }) => subject !== '' || message);
  const cells = new Map(told.map((result) => [`${result.subject}\n${result.machine}`, result]));
  const failed = told.filter(({ outcome }) => outcome === 'failed');
  const problems = new Map<string, Verdicts['problems'][number]>();
  for (const { machine, subject, message = '' } of failed) {
    // The server numbers its answers: the same trouble is told with another number on each machine.
    const same = message.replace(/request \w+/g, '');
    const problem = problems.get(same) ?? { machines: [], rights: [], message };
    if (!problem.machines.includes(machine)) problem.machines.push(machine);
    if (!problem.rights.includes(subject)) problem.rights.push(subject);
    problems.set(same, problem);
  }
  return {
    machines: [...new Set(told.map(({ machine }) => machine))].sort(),
    rights: [...new Set(told.map(({ subject }) => subject))],
    at: (right, machine) => cells.get(`${right}\n${machine}`),
    problems: [...problems.values()],
    passed: told.length > 0 && told.every(({ outcome }) => outcome === 'passed'),
  };
}
