import { Button, Card, CardBody, CardTitle, Content, Flex, FlexItem, Gallery, Spinner } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { machines } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster, Machine } from '../api/types.gen';
import { pathOfCluster } from '../cluster/path';
import { JoinMachine } from '../machines/JoinMachine';
import { States } from '../machines/States';
import { Problem } from '../parts/Problem';

/** The second step: each machine joins with a line of its own, and shows up as it does. */
export function Machines({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { namespace, name } = cluster.metadata;
  const live = useLive(machines, { namespace });
  return (
    <>
      <Gallery hasGutter minWidths={{ default: '420px' }} className="hf-gap">
        <Card isCompact>
          <CardTitle component="h2">{t('register.invite', { cluster: name })}</CardTitle>
          <CardBody>
            <Content component="p">{t(cluster.spec.distro === 'etcd' ? 'register.whichEtcd' : 'register.which')}</Content>
            <JoinMachine cluster={cluster} />
          </CardBody>
        </Card>
        <Card isCompact>
          <CardTitle component="h2">{t('register.joined')}</CardTitle>
          <CardBody aria-live="polite">
            {live.error ? <Problem error={live.error} retry={live.retry} /> : <Joined found={live.items} />}
          </CardBody>
        </Card>
      </Gallery>
      <Button
        variant={live.items.length > 0 ? 'primary' : 'secondary'}
        component={(props) => <Link {...props} to={`${pathOfCluster(cluster)}/overview`} />}
      >
        {t('register.toCluster')}
      </Button>
    </>
  );
}

function Joined({ found }: { found: Machine[] }) {
  const { t } = useTranslation();
  if (found.length === 0) {
    return (
      <p className="hf-status hf-quiet">
        <Spinner size="md" aria-label={t('app.loading')} aria-valuetext={t('app.loading')} /> {t('register.waiting')}
      </p>
    );
  }
  return found.map((machine) => (
    <Flex key={machine.metadata.uid} alignItems={{ default: 'alignItemsCenter' }} className="hf-gap">
      <FlexItem>{machine.metadata.name}</FlexItem>
      <FlexItem className="hf-quiet">{machine.spec.roles.map((role) => t(`role.${role}`)).join(', ')}</FlexItem>
      <FlexItem>
        <States machine={machine} />
      </FlexItem>
      <FlexItem className="hf-quiet">{machine.status?.distroVersion ?? machine.status?.etcd?.version}</FlexItem>
    </Flex>
  ));
}
