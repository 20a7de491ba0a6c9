import { Tooltip } from '@patternfly/react-core';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';

const ticks = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(tick: () => void): () => void {
  ticks.add(tick);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of ticks) each();
  }, 10_000);
  return () => {
    ticks.delete(tick);
    if (ticks.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, anew every ten seconds: one clock for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => (timer ? now : (now = Math.floor(Date.now() / 1000) * 1000)));
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** A moment as "3 hours ago" or "in 5 minutes", in words of the language. */
export function fromNow(moment: number, at: number, language: string): string {
  const seconds = Math.round((moment - at) / 1000);
  const [unit, size] = units.find(([, least]) => Math.abs(seconds) >= least) ?? (['second', 1] as const);
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  return format.format(Math.trunc(seconds / size), unit);
}

/** A moment in the zone of the browser, which it names. */
export function exactly(moment: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'long' }).format(moment);
}

/** How long something took or takes, as "1 h 5 min". */
export function duration(milliseconds: number, language: string): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts: string[] = [];
  const add = (value: number, unit: string) =>
    value > 0 && parts.push(new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }).format(value));
  add(Math.floor(seconds / 3600), 'hour');
  add(Math.floor((seconds % 3600) / 60), 'minute');
  if (seconds < 600) add(seconds % 60, 'second');
  return parts.length > 0
    ? parts.join(' ')
    : new Intl.NumberFormat(language, { style: 'unit', unit: 'second', unitDisplay: 'short' }).format(0);
}

/** How long ago something was, with the moment itself on hover and focus. */
export function Age({ at }: { at: string | undefined }) {
  const { i18n } = useTranslation();
  const current = useNow();
  if (at === undefined) return <span aria-hidden>–</span>;
  const moment = Date.parse(at);
  return (
    <Tooltip content={exactly(moment, i18n.language)}>
      <time dateTime={at} tabIndex={0}>
        {fromNow(moment, current, i18n.language)}
      </time>
    </Tooltip>
  );
}
