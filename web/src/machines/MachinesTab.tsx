import {
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from '@patternfly/react-core';
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { leases, machines } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster, Machine } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { Problem } from '../parts/Problem';
import { quantity, size } from '../parts/size';
import { Age } from '../parts/time';
import { AddMachine } from './AddMachine';
import { States } from './States';

/** The machines of a cluster, each with its etcd. */
export function MachinesTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { namespace } = cluster.metadata;
  const live = useLive(machines, { namespace });
  const heard = useLive(leases, { namespace });
  const seen = useMemo(() => new Map(heard.items.map(({ metadata, spec }) => [metadata.name, spec?.renewTime])), [heard.items]);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  if (live.items.length === 0) {
    return (
      <EmptyState titleText={t('machines.none.title')} headingLevel="h2" icon={ServerIcon}>
        <EmptyStateBody>{t('machines.none.body')}</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <AddMachine cluster={cluster} />
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    );
  }
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <AddMachine cluster={cluster} known={live.items.map(({ metadata }) => metadata.name)} />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
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
            <Row key={machine.metadata.uid} machine={machine} seen={seen.get(machine.metadata.name)} />
          ))}
        </Tbody>
      </Table>
    </>
  );
}

function Row({ machine, seen }: { machine: Machine; seen: string | undefined }) {
  const { t } = useTranslation();
  const { metadata, spec, status } = machine;
  return (
    <Tr>
      <Td dataLabel={t('machines.column.name')}>
        {metadata.name} <div className="hf-quiet">{status?.addresses?.[0]}</div>
      </Td>
      <Td dataLabel={t('machines.column.roles')}>{spec.roles.map((role) => t(`role.${role}`)).join(', ')}</Td>
      <Td dataLabel={t('machines.column.state')}>
        <States machine={machine} />
        {seen && (
          <div className="hf-quiet">
            {t('machines.seen')} <Age at={seen} />
          </div>
        )}
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
