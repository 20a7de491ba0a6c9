import { Flex, FlexItem, LabelGroup, PageSection, Tab, Tabs, TabTitleText, Title } from '@patternfly/react-core';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, Route, Routes, useLocation, useNavigate, useParams } from 'react-router';
import { clusters } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { NotFound } from '../app/NotFound';
import { useTitle } from '../app/title';
import { attention } from '../fleet/attention';
import { distroNames } from '../fleet/FleetToolbar';
import { MachinesTab } from '../machines/MachinesTab';
import { OperationPage } from '../operations/OperationPage';
import { OperationsTab } from '../operations/OperationsTab';
import { ConcernLabel } from '../parts/ConcernLabel';
import { Crumbs } from '../parts/Crumbs';
import { Problem } from '../parts/Problem';
import { Stale } from '../parts/Stale';
import { RestoreButton } from '../restore/RestoreButton';
import { SnapshotPage } from '../snapshots/SnapshotPage';
import { SnapshotsTab } from '../snapshots/SnapshotsTab';
import { EventsTab } from './EventsTab';
import { Overview } from './Overview';
import { pathOfCluster } from './path';

// Few visits need it.
const RestorePage = lazy(() => import('../restore/RestorePage').then((module) => ({ default: module.RestorePage })));

/** The id of what the tabs show. */
const view = 'view';

const tabs = ['overview', 'snapshots', 'operations', 'machines', 'settings', 'configuration', 'events'] as const;

// The form and the editor are what few visits need, and more than all the rest.
const SettingsTab = lazy(() => import('../settings/SettingsTab').then((module) => ({ default: module.SettingsTab })));
const ConfigurationTab = lazy(() =>
  import('../configuration/ConfigurationTab').then((module) => ({ default: module.ConfigurationTab })),
);

/** All about one cluster. */
export function ClusterPage() {
  const { namespace = '', name = '' } = useParams();
  const live = useLive(clusters, { namespace });
  useTitle(name);
  const cluster = live.items.find(({ metadata }) => metadata.name === name);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} heading="h1" />;
  if (!cluster) return <NotFound />;
  return (
    <>
      <Head cluster={cluster} stale={live.stale} />
      <PageSection isFilled id={view} role="tabpanel" aria-label={name}>
        <Suspense fallback={<Loading />}>
          <Routes>
            <Route index element={<Navigate to="overview" replace />} />
            <Route path="overview" element={<Overview cluster={cluster} />} />
            <Route path="snapshots" element={<SnapshotsTab cluster={cluster} />} />
            <Route path="snapshots/:snapshot" element={<SnapshotPage cluster={cluster} />} />
            <Route path="operations" element={<OperationsTab cluster={cluster} />} />
            <Route path="operations/:operation" element={<OperationPage cluster={cluster} />} />
            <Route path="restores/:restore" element={<RestorePage cluster={cluster} />} />
            <Route path="machines" element={<MachinesTab cluster={cluster} />} />
            <Route path="settings" element={<SettingsTab key={cluster.metadata.uid} cluster={cluster} />} />
            <Route path="configuration" element={<ConfigurationTab key={cluster.metadata.uid} cluster={cluster} />} />
            <Route path="events" element={<EventsTab cluster={cluster} />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </PageSection>
    </>
  );
}

function Head({ cluster, stale }: { cluster: Cluster; stale: boolean }) {
  const { t } = useTranslation();
  const { metadata, spec, status } = cluster;
  const navigate = useNavigate();
  const path = pathOfCluster(cluster);
  const active = useLocation()
    .pathname.slice(path.length + 1)
    .split('/')[0];
  return (
    <>
      <PageSection>
        <Crumbs here={metadata.name} />
        <Flex alignItems={{ default: 'alignItemsCenter' }}>
          <FlexItem>
            <Title headingLevel="h1">{metadata.name}</Title>
          </FlexItem>
          <FlexItem className="hf-quiet">
            {distroNames[spec.distro]} {status?.observed?.kubernetesVersion ?? status?.observed?.etcdVersion}
          </FlexItem>
          <FlexItem>
            <LabelGroup numLabels={8} aria-label={t('fleet.column.attention')}>
              {attention(cluster).map((found) => (
                <ConcernLabel key={found.concern} found={found} />
              ))}
            </LabelGroup>
          </FlexItem>
          {active !== 'restores' && (
            <FlexItem align={{ default: 'alignRight' }}>
              <RestoreButton cluster={cluster} source={{ latestProven: true }} of={metadata.name} />
            </FlexItem>
          )}
        </Flex>
        <Stale when={stale} />
      </PageSection>
      <PageSection type="tabs">
        <Tabs
          activeKey={active === 'restores' ? 'operations' : (active ?? 'overview')}
          onSelect={(_, key) => void navigate(`${path}/${key}`)}
          usePageInsets
          aria-label={metadata.name}
          backScrollAriaLabel={t('app.scrollBack')}
          forwardScrollAriaLabel={t('app.scrollOn')}
        >
          {tabs.map((tab) => (
            <Tab key={tab} eventKey={tab} tabContentId={view} title={<TabTitleText>{t(`tab.${tab}`)}</TabTitleText>} />
          ))}
        </Tabs>
      </PageSection>
    </>
  );
}
