import { PageSection, Title } from '@patternfly/react-core';
import { useParams } from 'react-router';
import { clusters } from '../api/kinds';
import { useLive } from '../api/query';
import { Loading } from '../app/Loading';
import { NotFound } from '../app/NotFound';
import { useTitle } from '../app/title';
import { Problem } from '../parts/Problem';

/** All about one cluster. */
export function ClusterPage() {
  const { namespace = '', name = '' } = useParams();
  const live = useLive(clusters, { namespace });
  useTitle(name);
  const cluster = live.items.find(({ metadata }) => metadata.name === name);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  if (!cluster) return <NotFound />;
  return (
    <PageSection>
      <Title headingLevel="h1">{cluster.metadata.name}</Title>
    </PageSection>
  );
}
