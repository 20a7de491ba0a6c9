import { Card, CardBody, CardTitle, List, ListItem } from '@patternfly/react-core';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { fromNow, useNow } from '../parts/time';
import type { Draft } from './draft';
import { defaults, inWords, useSettled, type Preview } from './schedule';

interface Props {
  distro: Cluster['spec']['distro'];
  draft: Draft;
  zones: string[];
  preview: UseQueryResult<Preview>;
}

/** What a schedule means: in words, and the times at which it is due next. */
export function SchedulePreview({ distro, draft, zones, preview }: Props) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const cron = useSettled(draft.cron.trim() || defaults.cron);
  const words = useQuery({
    queryKey: ['cron in words', cron, i18n.language],
    queryFn: async () => (await inWords(cron, i18n.language)) ?? null,
    enabled: distro !== 'rke',
  });
  if (!preview.data || preview.error) return null;
  const { zone, times } = preview.data;
  return (
    <Card isCompact variant="secondary" aria-live="polite">
      <CardTitle component="h3">
        {distro === 'rke'
          ? t('settings.schedule.every', { count: Number(draft.hours.trim() || defaults.hours) })
          : (words.data ?? cron)}
      </CardTitle>
      <CardBody>
        <List isPlain aria-label={t('settings.schedule.next')}>
          {times.map((time) => (
            <ListItem key={time}>
              <time dateTime={time}>{inZone(time, zone, i18n.language)}</time>{' '}
              <span className="hf-quiet">{fromNow(Date.parse(time), now, i18n.language)}</span>
            </ListItem>
          ))}
        </List>
        <p className="hf-quiet hf-note-line">
          {zones.length > 1
            ? t('settings.schedule.zones', { zone, zones: zones.join(', ') })
            : zones.length === 1 || draft.cron.includes('TZ=')
              ? t('settings.schedule.zone', { zone })
              : t('settings.schedule.zoneUnknown', { zone })}
        </p>
      </CardBody>
    </Card>
  );
}

/** A moment in a zone, in the words of a language. */
function inZone(time: string, zone: string, language: string): string {
  const format = (timeZone?: string) =>
    new Intl.DateTimeFormat(language, {
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      ...(timeZone ? { timeZone } : {}),
    }).format(Date.parse(time));
  try {
    return format(zone);
  } catch {
    // A zone that this browser does not know: then in its own.
    return format();
  }
}
