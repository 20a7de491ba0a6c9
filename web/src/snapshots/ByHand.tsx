import { Card, CardBody, CardTitle, Content } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { EtcdSnapshot } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { Copyable } from '../parts/Copyable';
import { byHand } from './link';

/** How the snapshot is restored when there is no Holdfast any more. */
export function ByHandCard({ snapshot }: { snapshot: EtcdSnapshot }) {
  const { t } = useTranslation();
  // What it says follows the copies.
  const page = useQuery({
    queryKey: ['by-hand', snapshot.metadata.uid, snapshot.metadata.resourceVersion],
    queryFn: () => byHand(snapshot),
    retry: false,
  });
  return (
    <Card isCompact className="hf-gap">
      <CardTitle component="h3">{t('byHand.title')}</CardTitle>
      <CardBody>
        <Content component="p">
          {page.data?.machine ? t('byHand.onMachine', { machine: page.data.machine }) : t('byHand.what')}
        </Content>
        {page.isPending && <Loading />}
        {page.error && <p className="hf-quiet">{page.error.message}</p>}
        {page.data && <Copyable text={page.data.text.trimEnd()} label={t('byHand.title')} />}
      </CardBody>
    </Card>
  );
}
