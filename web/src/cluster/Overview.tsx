import { Card, CardBody, CardTitle, Gallery } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { snapshots } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster } from '../api/types.gen';
import { condition } from '../parts/condition';
import { Fact, Facts } from '../parts/Facts';
import { size } from '../parts/size';
import { Age } from '../parts/time';
import { backups, type Backup } from '../snapshots/backups';
import { NextSteps } from './NextSteps';
import { Timeline } from './Timeline';

/** A cluster at a glance: is it safe, since when, until when. */
export function Overview({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const live = useLive(snapshots, { namespace: cluster.metadata.namespace });
  const groups = backups(live.items);
  return (
    <Gallery hasGutter minWidths={{ default: '320px' }}>
      <NextSteps cluster={cluster} />
      <Card isCompact>
        <CardTitle component="h2">{t('overview.safety')}</CardTitle>
        <CardBody>
          <Safety cluster={cluster} />
        </CardBody>
      </Card>
      <Card isCompact>
        <CardTitle component="h2">{t('overview.storage')}</CardTitle>
        <CardBody>
          <Storage cluster={cluster} groups={groups} />
        </CardBody>
      </Card>
      <Card isCompact className="hf-wide">
        <CardTitle component="h2">{t('overview.timeline')}</CardTitle>
        <CardBody>
          <Timeline cluster={cluster} groups={groups} />
        </CardBody>
      </Card>
    </Gallery>
  );
}

function Safety({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { spec, status } = cluster;
  return (
    <Facts>
      <Fact term={t('overview.state')}>{condition(cluster, 'Protected')?.message ?? '–'}</Fact>
      <Fact term={t('fleet.column.lastComplete')}>
        <Age at={status?.lastComplete?.created} />
      </Fact>
      <Fact term={t('fleet.column.lastProven')}>
        <Age at={status?.lastProven?.created} />
      </Fact>
      <Fact term={t('overview.next')}>
        {spec.etcd?.disableSnapshots ? t('overview.noNext') : <Age at={status?.nextSnapshot} />}
      </Fact>
      <Fact term={t('overview.health')}>{condition(cluster, 'Ready')?.message ?? '–'}</Fact>
    </Facts>
  );
}

function Storage({ cluster, groups }: { cluster: Cluster; groups: Backup[] }) {
  const { t, i18n } = useTranslation();
  const copies = groups.flatMap((group) => group.snapshots.flatMap((snapshot) => snapshot.status?.copies ?? []));
  const sum = (of: typeof copies) =>
    size(
      of.reduce((total, copy) => total + copy.size, 0),
      i18n.language,
    );
  const s3 = cluster.spec.etcd?.s3;
  return (
    <Facts>
      <Fact term={t('overview.backups')}>{groups.length}</Fact>
      <Fact term={t('overview.onNodes')}>{sum(copies.filter((copy) => copy.machine))}</Fact>
      <Fact term={t('overview.inS3')}>{s3 ? sum(copies.filter((copy) => !copy.machine)) : t('overview.noS3')}</Fact>
      {s3 && (
        <Fact term={t('overview.target')}>
          s3://{[s3.bucket, s3.folder].filter(Boolean).join('/')} <span className="hf-quiet">{s3.endpoint}</span>
        </Fact>
      )}
      <Fact term={t('overview.id')}>{cluster.status?.id ?? '–'}</Fact>
    </Facts>
  );
}
