import { EmptyState, EmptyStateBody, Label } from '@patternfly/react-core';
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { machines } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster, Machine } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { condition } from '../parts/condition';
import { Problem } from '../parts/Problem';
import { quantity, size } from '../parts/size';

/** The machines of a cluster, each with its etcd. */
export function MachinesTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { namespace, name } = cluster.metadata;
  const live = useLive(machines, { namespace });
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  if (live.items.length === 0) {
    return (
      <EmptyState titleText={t('machines.none.title')} headingLevel="h2" icon={ServerIcon}>
        <EmptyStateBody>
          <p>{t('machines.none.body')}</p>
          <pre className="hf-command">holdfast machine join {name}</pre>
        </EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <Table aria-label={t('machines.title')} variant="compact">
      <Thead>
        <Tr>
          <Th>{t('machines.column.name')}</Th>
          <Th>{t('machines.column.roles')}</Th>
          <Th>{t('machines.column.state')}</Th>
          <Th>{t('machines.column.etcd')}</Th>
          <Th>{t('machines.column.database')}</Th>
          <Th>{t('machines.column.disk')}</Th>
          <Th>{t('machines.column.version')}</Th>
          <Th>{t('machines.column.agent')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {[...live.items].sort(byName).map((machine) => (
          <Row key={machine.metadata.uid} machine={machine} />
        ))}
      </Tbody>
    </Table>
  );
}

function Row({ machine }: { machine: Machine }) {
  const { t } = useTranslation();
  const { metadata, spec, status } = machine;
  return (
    <Tr>
      <Td dataLabel={t('machines.column.name')}>
        {metadata.name} <div className="hf-quiet">{status?.addresses?.[0]}</div>
      </Td>
      <Td dataLabel={t('machines.column.roles')}>{spec.roles.join(', ')}</Td>
      <Td dataLabel={t('machines.column.state')}>
        <States machine={machine} />
      </Td>
      <Td dataLabel={t('machines.column.etcd')} modifier="nowrap">
        {status?.etcd ? `${status.etcd.role ?? t('machines.silent')} ${status.etcd.version ?? ''}` : '–'}
      </Td>
      <Td dataLabel={t('machines.column.database')} modifier="nowrap">
        <Database machine={machine} />
      </Td>
      <Td dataLabel={t('machines.column.disk')} modifier="nowrap">
        <Disk machine={machine} />
      </Td>
      <Td dataLabel={t('machines.column.version')} modifier="nowrap">
        {status?.distroVersion ?? '–'}
      </Td>
      <Td dataLabel={t('machines.column.agent')} modifier="nowrap">
        {status?.agentVersion ?? '–'}
      </Td>
    </Tr>
  );
}

function States({ machine }: { machine: Machine }) {
  const { t } = useTranslation();
  const ready = condition(machine, 'Ready');
  const labels = [];
  if (ready?.status === 'True') labels.push(<Mark key="ready" status="success" text={t('machines.ready')} />);
  else labels.push(<Mark key="away" status="danger" text={t('machines.away')} title={ready?.message} />);
  if (condition(machine, 'EtcdHealthy')?.status === 'False') {
    labels.push(
      <Mark key="etcd" status="danger" text={t('machines.etcdUnhealthy')} title={condition(machine, 'EtcdHealthy')?.message} />,
    );
  }
  if (condition(machine, 'Fenced')?.status === 'True') {
    labels.push(<Mark key="fenced" status="warning" text={t('machines.fenced')} title={condition(machine, 'Fenced')?.message} />);
  }
  if (condition(machine, 'Stale')?.status === 'True') {
    labels.push(<Mark key="stale" status="warning" text={t('machines.stale')} title={condition(machine, 'Stale')?.message} />);
  }
  return labels;
}

function Mark({ status, text, title }: { status: 'success' | 'danger' | 'warning'; text: string; title?: string | undefined }) {
  return (
    <Label isCompact status={status} variant="outline" title={title ?? ''}>
      {text}
    </Label>
  );
}

function Database({ machine }: { machine: Machine }) {
  const { t, i18n } = useTranslation();
  const total = quantity(machine.status?.etcd?.size);
  const used = quantity(machine.status?.etcd?.inUse);
  if (total === undefined) return '–';
  if (used === undefined) return size(total, i18n.language);
  return t('machines.inUse', { used: size(used, i18n.language), total: size(total, i18n.language) });
}

function Disk({ machine }: { machine: Machine }) {
  const { t, i18n } = useTranslation();
  const disks = (machine.status?.disks ?? []).map((disk) => ({
    path: disk.path,
    free: quantity(disk.free),
    total: quantity(disk.total),
  }));
  const fullest = disks.sort((a, b) => (a.free ?? 0) - (b.free ?? 0))[0];
  if (fullest?.free === undefined || fullest.total === undefined) return '–';
  return (
    <span title={fullest.path}>
      {t('machines.free', { free: size(fullest.free, i18n.language), total: size(fullest.total, i18n.language) })}
    </span>
  );
}

function byName(a: Machine, b: Machine): number {
  return a.metadata.name.localeCompare(b.metadata.name, undefined, { numeric: true });
}
