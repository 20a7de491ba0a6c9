import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster, EtcdSnapshot } from '../api/types.gen';
import { RowMenu } from '../parts/RowMenu';
import { DeleteSnapshots } from './DeleteSnapshots';
import { DownloadSnapshot } from './DownloadSnapshot';
import { remoteCopies } from './remaining';
import { useSnapshotRights } from './useTask';
import { VerifySnapshots } from './VerifySnapshots';

interface Props {
  cluster: Cluster;
  /** One, or all of a backup. */
  chosen: EtcdSnapshot[];
  /** What they are called together. */
  of: string;
}

/** What can be done with snapshots, as far as the user may. */
export function SnapshotMenu({ cluster, chosen, of }: Props) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<'verify' | 'download' | 'delete'>();
  const may = useSnapshotRights(cluster);
  const close = () => setAsking(undefined);
  const stored = chosen.filter(({ status }) => status?.copies?.some(({ state }) => state !== 'missing'));
  const remote = chosen.find((snapshot) => remoteCopies(snapshot).length > 0);
  const items = [
    may.verify && stored.length > 0 && { title: t('snapshotAction.verify'), onClick: () => setAsking('verify') },
    may.download && remote && { title: t('snapshotAction.download'), onClick: () => setAsking('download') },
    may.delete && stored.length > 0 && { title: t('snapshotAction.delete'), isDanger: true, onClick: () => setAsking('delete') },
  ].filter((item) => typeof item === 'object');
  return (
    <>
      <RowMenu of={of} items={items} />
      {asking === 'verify' && <VerifySnapshots cluster={cluster} chosen={stored} of={of} onClose={close} />}
      {asking === 'download' && remote && <DownloadSnapshot snapshot={remote} onClose={close} />}
      {asking === 'delete' && <DeleteSnapshots cluster={cluster} chosen={stored} of={of} onClose={close} />}
    </>
  );
}
