import { FileUpload, Radio } from '@patternfly/react-core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CredentialFields } from './CredentialFields';
import { Field, TextField } from './Field';
import type { Part } from './SettingsForm';
import { Alert } from '../parts/Alert';

/** Where snapshots are kept besides the nodes that took them. */
export function TargetFields(part: Part) {
  const { t } = useTranslation();
  const { draft, set, mayEdit, base } = part;
  const had = base.spec.etcd?.s3 !== undefined;
  return (
    <>
      <Field id="settings-target" role="radiogroup" label={t('settings.target.where')}>
        {(['local', 's3'] as const).map((each) => (
          <Radio
            key={each}
            id={`settings-target-${each}`}
            name="target"
            label={t(`settings.target.${each}.name`)}
            description={t(`settings.target.${each}.means`)}
            isChecked={draft.target === each}
            isDisabled={!mayEdit}
            onChange={() => set('target', each)}
          />
        ))}
      </Field>
      {draft.target === 'local' && (
        <Alert variant="warning" component="p" isInline title={t('settings.target.localOnly')}>
          {had && t('settings.target.stays')}
        </Alert>
      )}
      {draft.target === 's3' && <Place {...part} />}
    </>
  );
}

/** An S3 target: where it is, and how it is known to be the right one. */
function Place(part: Part) {
  const { t } = useTranslation();
  const { draft, set, errors, mayEdit } = part;
  const line = (field: 'endpoint' | 'bucket' | 'folder' | 'region', placeholder: string, isRequired = false) => (
    <TextField
      id={`settings-${field}`}
      label={t(`settings.target.${field}.name`)}
      help={t(`settings.target.${field}.help`)}
      value={draft[field]}
      placeholder={placeholder}
      isRequired={isRequired}
      isDisabled={!mayEdit}
      error={errors[field]}
      onChange={(value) => set(field, value)}
    />
  );
  return (
    <>
      {line('endpoint', 's3.eu-central-1.amazonaws.com', true)}
      {line('bucket', 'etcd-backups', true)}
      {line('folder', part.base.metadata.name)}
      {line('region', 'us-east-1')}
      {/* Whoever has replaced the keys begins anew: theirs are the ones that are set. */}
      <CredentialFields key={part.base.spec.etcd?.s3?.credentialSecretName ?? ''} {...part} />
      <Authority {...part} />
    </>
  );
}

/** The CA of a server that no public one vouches for. */
function Authority({ draft, set, errors, mayEdit }: Part) {
  const { t } = useTranslation();
  const [file, setFile] = useState('');
  return (
    <Field id="settings-ca" label={t('settings.target.ca.name')} help={t('settings.target.ca.help')} error={errors.ca}>
      <FileUpload
        id="settings-ca"
        type="text"
        value={draft.ca}
        filename={file}
        filenamePlaceholder={t('settings.target.ca.drop')}
        filenameAriaLabel={t('settings.target.ca.file')}
        browseButtonText={t('settings.target.ca.browse')}
        clearButtonText={t('settings.target.ca.clear')}
        aria-label={t('settings.target.ca.name')}
        isDisabled={!mayEdit}
        allowEditingUploadedText
        isClearButtonDisabled={draft.ca === ''}
        validated={errors.ca ? 'error' : 'default'}
        onFileInputChange={(_, chosen) => setFile(chosen.name)}
        onDataChange={(_, text) => set('ca', text)}
        onTextChange={(_, text) => set('ca', text)}
        onClearClick={() => {
          setFile('');
          set('ca', '');
        }}
      />
    </Field>
  );
}
