import { Button } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { EtcdSnapshot } from '../api/types.gen';
import { Age } from '../parts/time';
import { states } from '../snapshots/backups';
import { Evidence } from '../snapshots/Evidence';
import { StateLabel } from '../snapshots/StateLabel';

/** Rows at first, and more at each request. */
const perPage = 6;

interface Props {
  snapshots: EtcdSnapshot[];
  chosen: string;
  choose: (name: string) => void;
}

/** Chooses one of the cluster's snapshots, each with how far it is known to be good. */
export function SnapshotChoice({ snapshots, chosen, choose }: Props) {
  const { t } = useTranslation();
  const [more, setMore] = useState(0);
  const sorted = [...snapshots].sort(newestFirst);
  // What is chosen is seen, however old it is.
  const shown = Math.max(perPage + more, sorted.findIndex(({ metadata }) => metadata.name === chosen) + 1);
  return (
    <>
      <Table aria-label={t('restore.source.snapshot.label')} variant="compact" borders={false}>
        <Thead>
          <Tr>
            <Th screenReaderText={t('restore.choose')} />
            <Th>{t('snapshots.column.created')}</Th>
            <Th>{t('snapshots.column.state')}</Th>
            <Th>{t('snapshots.column.where')}</Th>
            <Th>{t('snapshots.column.evidence')}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {sorted.slice(0, shown).map((snapshot, index) => (
            <Row
              key={snapshot.metadata.name}
              index={index}
              snapshot={snapshot}
              isChosen={snapshot.metadata.name === chosen}
              choose={() => choose(snapshot.metadata.name)}
            />
          ))}
        </Tbody>
      </Table>
      {sorted.length > shown && (
        <Button variant="link" isInline onClick={() => setMore(shown - perPage + 10)}>
          {t('restore.older', { count: sorted.length - shown })}
        </Button>
      )}
    </>
  );
}

function Row(props: { index: number; snapshot: EtcdSnapshot; isChosen: boolean; choose: () => void }) {
  const { t } = useTranslation();
  const { index, snapshot, isChosen, choose } = props;
  const { metadata, spec, status } = snapshot;
  const copies = (status?.copies ?? []).filter(({ state }) => isThere(state));
  return (
    <Tr>
      <Td
        select={{
          rowIndex: index,
          variant: 'radio',
          isSelected: isChosen,
          isDisabled: copies.length === 0,
          onSelect: choose,
          props: { 'aria-label': spec.file, name: 'restore-snapshot', id: `restore-snapshot-${metadata.name}` },
        }}
      />
      <Td dataLabel={t('snapshots.column.created')}>
        <Age at={spec.created} />
        <div className="hf-quiet hf-wrapped">{spec.file}</div>
      </Td>
      <Td dataLabel={t('snapshots.column.state')} modifier="nowrap">
        {status?.state && <StateLabel state={status.state} />}
      </Td>
      <Td dataLabel={t('snapshots.column.where')} modifier="nowrap">
        {copies.map(({ machine }) => machine ?? t('snapshots.s3')).join(', ') || t('snapshots.nowhere')}
      </Td>
      <Td dataLabel={t('snapshots.column.evidence')}>
        <Evidence evidence={copies[0]?.evidence ?? []} />
      </Td>
    </Tr>
  );
}

/** Whether a copy in this state has bytes that can be read. */
function isThere(state: (typeof states)[number]): boolean {
  return states.indexOf(state) <= states.indexOf('suspect');
}

function newestFirst(a: EtcdSnapshot, b: EtcdSnapshot): number {
  return b.spec.created.localeCompare(a.spec.created) || (a.spec.node ?? '').localeCompare(b.spec.node ?? '');
}
