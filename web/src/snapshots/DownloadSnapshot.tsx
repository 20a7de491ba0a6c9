import { Button, Content } from '@patternfly/react-core';
import DownloadIcon from '@patternfly/react-icons/dist/esm/icons/download-icon';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { EtcdSnapshot } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { Copyable } from '../parts/Copyable';
import { Dialog } from '../parts/Dialog';
import { Fact, Facts } from '../parts/Facts';
import { size } from '../parts/size';
import { fromNow, useNow } from '../parts/time';
import { link, type Link } from './link';
import { Alert } from '../parts/Alert';

/** Hands out a link to a snapshot's bytes. They come from S3 directly, never through the manager. */
export function DownloadSnapshot({ snapshot, onClose }: { snapshot: EtcdSnapshot; onClose: () => void }) {
  const { t } = useTranslation();
  // Each look signs a new one, and nothing keeps it.
  const made = useQuery({
    queryKey: ['link', snapshot.metadata.uid],
    queryFn: () => link(snapshot),
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });
  return (
    <Dialog
      title={t('download.title')}
      description={t('download.what')}
      size="medium"
      error={made.error}
      onClose={onClose}
      actions={
        <>
          {made.data && (
            <Button component="a" href={made.data.url} download={made.data.file} rel="noreferrer" icon={<DownloadIcon />}>
              {t('snapshotAction.download')}
            </Button>
          )}
          <Button variant="link" onClick={onClose}>
            {t('app.close')}
          </Button>
        </>
      }
    >
      {made.isPending && <Loading />}
      {made.data && <About found={made.data} />}
    </Dialog>
  );
}

function About({ found }: { found: Link }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  return (
    <>
      <Facts>
        <Fact term={t('snapshots.column.file')}>
          <span className="hf-wrapped">{found.file}</span>
        </Fact>
        <Fact term={t('snapshots.column.size')}>{size(found.size, i18n.language)}</Fact>
        <Fact term="SHA-256">
          <code className="hf-wrapped">{found.sha256 ?? t('download.noHash')}</code>
        </Fact>
        <Fact term={t('download.ends')}>{fromNow(Date.parse(found.expires), now, i18n.language)}</Fact>
      </Facts>
      {(found.endpointCA || found.skipSSLVerify) && (
        <Alert variant="info" component="p" isInline isPlain title={t('download.privateCA')} className="hf-gap" />
      )}
      {found.sha256 && (
        <>
          <Content component="p">{t('download.compare')}</Content>
          <Copyable text={`echo '${found.sha256}  ${found.file}' | sha256sum -c`} label={t('download.compare')} />
        </>
      )}
    </>
  );
}
