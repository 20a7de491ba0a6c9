import { EmptyState, EmptyStateBody, Label } from '@patternfly/react-core';
import ListIcon from '@patternfly/react-icons/dist/esm/icons/list-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { events, type KubeEvent } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { Problem } from '../parts/Problem';
import { Age } from '../parts/time';

/** Rows at most. The API forgets events after an hour or so. */
const most = 100;

/** What has happened lately, the newest first. */
export function EventsTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const live = useLive(events, { namespace: cluster.metadata.namespace });
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  if (live.items.length === 0) {
    return (
      <EmptyState titleText={t('events.none.title')} headingLevel="h2" icon={ListIcon}>
        <EmptyStateBody>{t('events.none.body')}</EmptyStateBody>
      </EmptyState>
    );
  }
  const sorted = [...live.items].sort((a, b) => when(b).localeCompare(when(a))).slice(0, most);
  return (
    <Table aria-label={t('events.title')} variant="compact">
      <Thead>
        <Tr>
          <Th>{t('events.column.when')}</Th>
          <Th>{t('events.column.reason')}</Th>
          <Th>{t('events.column.object')}</Th>
          <Th width={50}>{t('events.column.message')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {sorted.map((event) => (
          <Tr key={event.metadata.uid}>
            <Td dataLabel={t('events.column.when')} modifier="nowrap">
              <Age at={when(event)} />
            </Td>
            <Td dataLabel={t('events.column.reason')} modifier="nowrap">
              <Label isCompact variant="outline" {...(event.type === 'Warning' ? { status: 'warning' as const } : {})}>
                {event.reason}
              </Label>
            </Td>
            <Td dataLabel={t('events.column.object')}>
              {event.involvedObject.kind} {event.involvedObject.name}
            </Td>
            <Td dataLabel={t('events.column.message')} modifier="breakWord">
              {event.message}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function when(event: KubeEvent): string {
  return event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}
