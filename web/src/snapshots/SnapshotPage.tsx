import { Card, CardBody, CardTitle, Flex, FlexItem, Gallery, Title } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { snapshots } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster, EtcdSnapshot } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { NotFound } from '../app/NotFound';
import { pathOfCluster } from '../cluster/path';
import { Fact, Facts } from '../parts/Facts';
import { Problem } from '../parts/Problem';
import { size } from '../parts/size';
import { exactly } from '../parts/time';
import { RestoreButton } from '../restore/RestoreButton';
import type { Copy } from './backups';
import { ByHandCard } from './ByHand';
import { Evidence } from './Evidence';
import { SnapshotMenu } from './SnapshotMenu';
import { StateLabel } from './StateLabel';

/** All that is known of one snapshot. */
export function SnapshotPage({ cluster }: { cluster: Cluster }) {
  const { snapshot: name = '' } = useParams();
  const { t } = useTranslation();
  const live = useLive(snapshots, { namespace: cluster.metadata.namespace });
  const snapshot = live.items.find(({ metadata }) => metadata.name === name);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  if (!snapshot) return <NotFound />;
  return (
    <>
      <Flex alignItems={{ default: 'alignItemsCenter' }} className="hf-gap">
        <FlexItem>
          <Title headingLevel="h2">{snapshot.spec.file}</Title>
        </FlexItem>
        <FlexItem>{snapshot.status?.state && <StateLabel state={snapshot.status.state} />}</FlexItem>
        <FlexItem align={{ default: 'alignRight' }}>
          <div className="hf-row-actions">
            <RestoreButton cluster={cluster} source={{ snapshot: snapshot.metadata.name }} of={snapshot.spec.file} />
            <SnapshotMenu cluster={cluster} chosen={[snapshot]} of={snapshot.spec.file} />
          </div>
        </FlexItem>
      </Flex>
      <Gallery hasGutter minWidths={{ default: '420px' }} className="hf-gap">
        <Content snapshot={snapshot} />
        {(snapshot.status?.copies ?? []).map((copy) => (
          <CopyCard key={copy.location} copy={copy} />
        ))}
      </Gallery>
      <ByHandCard snapshot={snapshot} />
      <Link to={`${pathOfCluster(cluster)}/snapshots`}>{t('snapshots.all')}</Link>
    </>
  );
}

function Content({ snapshot }: { snapshot: EtcdSnapshot }) {
  const { t, i18n } = useTranslation();
  const { spec } = snapshot;
  return (
    <Card isCompact>
      <CardTitle component="h3">{t('snapshot.content')}</CardTitle>
      <CardBody>
        <Facts>
          <Fact term={t('snapshots.column.created')}>{exactly(Date.parse(spec.created), i18n.language)}</Fact>
          <Fact term={t('snapshots.column.trigger')}>{spec.trigger ? t(`trigger.${spec.trigger}`) : '–'}</Fact>
          <Fact term={t('snapshot.node')}>{spec.node ?? '–'}</Fact>
          {spec.kubernetesVersion && <Fact term={t('snapshots.column.version')}>{spec.kubernetesVersion}</Fact>}
          <Fact term={t('snapshot.etcd')}>{spec.etcdVersion ?? '–'}</Fact>
          <Fact term={t('snapshot.revision')}>{spec.revision ?? '–'}</Fact>
          <Fact term={t('snapshot.hash')}>{spec.contentHash ?? '–'}</Fact>
          {spec.tokenDigest && <Fact term={t('snapshot.token')}>{spec.tokenDigest}</Fact>}
        </Facts>
      </CardBody>
    </Card>
  );
}

function CopyCard({ copy }: { copy: Copy }) {
  const { t, i18n } = useTranslation();
  return (
    <Card isCompact>
      <CardTitle component="h3">{copy.machine ?? t('snapshots.s3')}</CardTitle>
      <CardBody>
        <Facts>
          <Fact term={t('snapshots.column.state')}>
            <StateLabel state={copy.state} message={copy.message} />
          </Fact>
          <Fact term={t('snapshots.column.location')}>
            <span className="hf-wrapped">{copy.location}</span>
          </Fact>
          <Fact term={t('snapshots.column.size')}>{size(copy.size, i18n.language)}</Fact>
          <Fact term="SHA-256">
            <code className="hf-wrapped">{copy.sha256 ?? '–'}</code>
          </Fact>
          <Fact term={t('snapshots.column.evidence')}>
            <Evidence evidence={copy.evidence ?? []} />
          </Fact>
        </Facts>
      </CardBody>
    </Card>
  );
}
