import { Tooltip } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { exactly, fromNow, useNow } from '../parts/time';
import { isGood, type Backup } from '../snapshots/backups';

/** How far back the line goes. */
const days = 7;

const day = 86_400_000;

/** A line of the last days with a mark for each backup: a gap is a night without one. */
export function Timeline({ cluster, groups }: { cluster: Cluster; groups: Backup[] }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const next = cluster.status?.nextSnapshot;
  const begin = now - days * day;
  const end = now + day / 2;
  const place = (moment: number) => `${(100 * (moment - begin)) / (end - begin)}%`;
  const shown = groups.filter(({ created }) => Date.parse(created) >= begin);
  return (
    <figure className="hf-timeline" aria-label={t('overview.timelineOf', { count: shown.length, days })}>
      {Array.from({ length: days + 1 }, (_, back) => (
        <span key={back} className="hf-timeline-day" style={{ insetInlineStart: place(now - back * day) }}>
          {back === 0 ? t('overview.now') : fromNow(now - back * day, now, i18n.language)}
        </span>
      ))}
      {shown.map((group) => (
        <Tooltip
          key={group.id}
          content={`${exactly(Date.parse(group.created), i18n.language)} · ${t(`state.${group.state}.name`)}`}
        >
          <span
            className={`hf-timeline-mark ${isGood(group.state) ? 'hf-timeline-good' : 'hf-timeline-bad'}`}
            style={{ insetInlineStart: place(Date.parse(group.created)) }}
          />
        </Tooltip>
      ))}
      {next && Date.parse(next) < end && (
        <Tooltip content={`${t('overview.next')}: ${exactly(Date.parse(next), i18n.language)}`}>
          <span className="hf-timeline-mark hf-timeline-next" style={{ insetInlineStart: place(Date.parse(next)) }} />
        </Tooltip>
      )}
    </figure>
  );
}
