import { useQuery } from '@tanstack/react-query';
import cronstrue from 'cronstrue';
import { useEffect, useState } from 'react';
import { call } from '../api/client';
import type { Cluster, Machine } from '../api/types.gen';
import type { Draft } from './draft';

/** What is in force where nothing was entered (requirements C1 and C2). */
export const defaults = { cron: '0 */5 * * *', hours: '12', retention: '5', retentionRKE: '6' };

/** When a schedule is due next, in a time zone. */
export interface Preview {
  zone: string;
  times: string[];
}

/** Typing pauses for so long before anybody is asked. */
const pause = 350;

/** A value once it has not changed for a while. */
export function useSettled<T>(value: T, wait = pause): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), wait);
    return () => clearTimeout(timer);
  }, [value, wait]);
  return settled;
}

/** The manager's answer to when a draft's snapshots would be taken: it reads schedules as k3s does. */
export function usePreview(distro: Cluster['spec']['distro'], draft: Draft, zone: string) {
  const query = useSettled(question(distro, draft, zone));
  return useQuery({
    queryKey: ['schedule', query],
    queryFn: async () => (await (await call(`/v1/schedule?${query}`, 'GET')).json()) as Preview,
    enabled: draft.on,
    staleTime: 60_000,
    retry: false,
    placeholderData: (before) => before,
  });
}

function question(distro: Cluster['spec']['distro'], draft: Draft, zone: string): string {
  const what = distro === 'rke' ? { hours: draft.hours.trim() || defaults.hours } : { cron: draft.cron.trim() || defaults.cron };
  return new URLSearchParams({ ...what, zone }).toString();
}

/** A schedule in words; undefined for one that has none, as "@every 6h". */
export async function inWords(cron: string, language: string): Promise<string | undefined> {
  const locale = language === 'zh' ? 'zh_CN' : 'en';
  if (locale === 'zh_CN') await import('cronstrue/locales/zh_CN');
  try {
    const fields = cron.trim().replace(/^(CRON_)?TZ=\S+\s+/, '');
    if (fields.startsWith('@every')) return undefined;
    return cronstrue.toString(fields, { locale, use24HourTimeFormat: true, throwExceptionOnParseError: true });
  } catch {
    // The API says what is wrong with it.
    return undefined;
  }
}

/** The time zones of the machines that take snapshots. Those of older agents are not known. */
export function zones(machines: Machine[]): string[] {
  const etcd = machines.filter(({ spec }) => spec.roles.includes('etcd'));
  return [...new Set(etcd.flatMap(({ status }) => status?.timeZone ?? []))].sort();
}
