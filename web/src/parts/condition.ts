import type { Condition } from '../api/meta';

interface HasConditions {
  status?: { conditions?: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[] | undefined } | undefined;
}

/** One of an object's conditions. */
export function condition(of: HasConditions, type: string) {
  return of.status?.conditions?.find((each) => each.type === type);
}

/** Whether a condition is known to be False. One that nobody has looked at yet is not. */
export function isFalse(of: HasConditions, type: string): boolean {
  return condition(of, type)?.status === 'False';
}

export function isTrue(of: HasConditions, type: string): boolean {
  return condition(of, type)?.status === 'True';
}
