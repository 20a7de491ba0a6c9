import { FormGroup, FormHelperText, HelperText, HelperTextItem, Radio, TextInput } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Cluster, EtcdSnapshot, Machine } from '../api/types.gen';
import { MachineSelect } from './MachineSelect';
import { SnapshotChoice } from './SnapshotChoice';
import { sourceKinds, type SourceKind, type Wanted } from './wanted';

interface Props {
  cluster: Cluster;
  machines: Machine[];
  snapshots: EtcdSnapshot[];
  wanted: Wanted;
  change: (some: Partial<Wanted>) => void;
}

/** Where the data comes from. */
export function SourceChoice(props: Props) {
  const { t } = useTranslation();
  const { cluster, wanted, change } = props;
  const target = cluster.spec.etcd?.s3;
  return (
    <FormGroup role="radiogroup" isStack fieldId="restore-source" label={t('restore.source.label')}>
      {sourceKinds.map((kind) => {
        const isDisabled = kind === 's3URI' && !target && wanted.kind !== 's3URI';
        return (
          <Radio
            key={kind}
            id={`restore-source-${kind}`}
            name="restore-source"
            label={t(`restore.source.${kind}.label`)}
            description={t(isDisabled ? 'restore.source.noS3' : `restore.source.${kind}.means`)}
            isDisabled={isDisabled}
            isChecked={wanted.kind === kind}
            onChange={() => change({ kind, initMachine: '' })}
            body={wanted.kind === kind && kind !== 'latestProven' && <Details kind={kind} {...props} />}
          />
        );
      })}
    </FormGroup>
  );
}

/** What has to be said beside the kind of source. */
function Details({ kind, cluster, machines, snapshots, wanted, change }: Props & { kind: SourceKind }) {
  const { t } = useTranslation();
  const s3 = cluster.spec.etcd?.s3;
  switch (kind) {
    case 'latestProven':
      return null;
    case 'snapshot':
      return <SnapshotChoice snapshots={snapshots} chosen={wanted.snapshot} choose={(snapshot) => change({ snapshot })} />;
    case 'at':
      return (
        <>
          <TextInput
            id="restore-at"
            type="datetime-local"
            aria-label={t('restore.source.at.label')}
            value={wanted.at}
            onChange={(_, at) => change({ at })}
          />
          <Help text={t('restore.source.at.zone', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })} />
        </>
      );
    case 'file':
      return (
        <>
          <TextInput
            id="restore-file"
            aria-label={t('restore.source.file.label')}
            value={wanted.file}
            onChange={(_, file) => change({ file })}
          />
          <MachineSelect
            id="restore-holder"
            label={t('restore.source.file.holder')}
            none={t('restore.source.file.anyHolder')}
            machines={machines}
            value={wanted.initMachine}
            onChange={(initMachine) => change({ initMachine })}
          />
        </>
      );
    case 's3URI':
      return (
        <TextInput
          id="restore-s3"
          aria-label={t('restore.source.s3URI.label')}
          placeholder={s3 ? `s3://${[s3.bucket, s3.folder, '…'].filter(Boolean).join('/')}` : 's3://'}
          value={wanted.s3URI}
          onChange={(_, s3URI) => change({ s3URI })}
        />
      );
    case 'survivor':
    case 'replace':
      return (
        <MachineSelect
          id={`restore-${kind}`}
          label={t(`restore.source.${kind}.machine`)}
          none={t('restore.choose')}
          machines={machines}
          value={wanted[kind]}
          onChange={(machine) => change({ [kind]: machine })}
        />
      );
  }
}

function Help({ text }: { text: string }) {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem>{text}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}
