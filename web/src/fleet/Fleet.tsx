import { Button, Content, EmptyState, EmptyStateBody, Flex, FlexItem, PageSection, Title } from '@patternfly/react-core';
import CubesIcon from '@patternfly/react-icons/dist/esm/icons/cubes-icon';
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-circle-icon';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ApiError } from '../api/client';
import { clusters } from '../api/kinds';
import { useLive } from '../api/query';
import { useMay, wish } from '../api/rights';
import { Loading } from '../app/Loading';
import { useTitle } from '../app/title';
import { Problem } from '../parts/Problem';
import { Stale } from '../parts/Stale';
import type { User } from '../session/session';
import { byUrgency } from './attention';
import { emptyFilter, matches, type Filter } from './filter';
import { FleetTable } from './FleetTable';
import { FleetToolbar } from './FleetToolbar';
import { Narrow } from './Narrow';
import { Summary } from './Summary';

/** All clusters, those first that need attention. */
export function Fleet({ user }: { user: User }) {
  const { t } = useTranslation();
  useTitle(t('fleet.title'));
  const live = useLive(clusters);
  const mayRegister = useMay(wish('create', clusters));
  const [filter, setFilter] = useState<Filter>(emptyFilter);
  const shown = useMemo(() => live.items.filter((cluster) => matches(cluster, filter)).sort(byUrgency), [live.items, filter]);
  if (live.loading) return <Loading />;
  if (live.error instanceof ApiError && live.error.code === 403) return <Narrow user={user} />;
  if (live.error) return <Problem error={live.error} retry={live.retry} heading="h1" />;
  return (
    <>
      <PageSection>
        <Flex alignItems={{ default: 'alignItemsCenter' }}>
          <FlexItem>
            <Title headingLevel="h1">{t('fleet.title')}</Title>
          </FlexItem>
          {mayRegister && (
            <FlexItem align={{ default: 'alignRight' }}>
              <Button variant="secondary" icon={<PlusIcon />} component={(props) => <Link {...props} to="/register" />}>
                {t('register.title')}
              </Button>
            </FlexItem>
          )}
        </Flex>
        <Stale when={live.stale} />
        {live.items.length > 0 && <Summary clusters={live.items} filter={filter} onFilter={setFilter} />}
      </PageSection>
      <PageSection isFilled>
        {live.items.length === 0 ? (
          <NoClusters />
        ) : (
          <>
            <FleetToolbar filter={filter} onFilter={setFilter} shown={shown.length} all={live.items.length} />
            <FleetTable clusters={shown} filter={filter} onClear={() => setFilter(emptyFilter)} />
          </>
        )}
      </PageSection>
    </>
  );
}

function NoClusters() {
  const { t } = useTranslation();
  return (
    <EmptyState titleText={t('fleet.none.title')} headingLevel="h2" icon={CubesIcon}>
      <EmptyStateBody>
        <Content component="p">{t('fleet.none.body')}</Content>
        <Content component="p">{t('fleet.none.cli')}</Content>
        <pre className="hf-command">holdfast cluster import prod --from kubeconfig.yaml</pre>
      </EmptyStateBody>
    </EmptyState>
  );
}
