import { Checkbox, TextArea } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Choice, Field, TextField } from './Field';
import { anyKeys } from './keys';
import { hasKeys, type Part } from './SettingsForm';
import { Alert } from '../parts/Alert';

/** How values look, the same in every language. */
const examples = { minFree: '2Gi', timeout: '5m', recipient: 'age1…' };

/** What few need to set of an S3 target. */
export function AdvancedTarget(part: Part) {
  const { t } = useTranslation();
  const { draft, set, errors, mayEdit, keys, setKeys } = part;
  return (
    <>
      {draft.auth === 'keys' && (anyKeys(keys) || !hasKeys(part)) && (
        <TextField
          id="settings-session-token"
          label={t('settings.keys.session')}
          help={t('settings.keys.sessionHelp')}
          type="password"
          value={keys.session}
          isDisabled={!mayEdit}
          onChange={(session) => setKeys({ ...keys, session })}
        />
      )}
      <Choice
        id="settings-lookup"
        label={t('settings.advanced.lookup')}
        value={draft.lookup}
        options={{
          auto: t('settings.advanced.lookups.auto'),
          path: t('settings.advanced.lookups.path'),
          dns: t('settings.advanced.lookups.dns'),
        }}
        error={errors.lookup}
        isDisabled={!mayEdit}
        onChange={(value) => set('lookup', value)}
      />
      <Checkbox
        id="settings-skip-verify"
        label={t('settings.advanced.skipVerify')}
        isChecked={draft.skipVerify}
        isDisabled={!mayEdit}
        onChange={(_, checked) => set('skipVerify', checked)}
      />
      {draft.skipVerify && <Alert variant="danger" component="p" isInline title={t('settings.advanced.skipVerifyMeans')} />}
      <Field id="settings-insecure" error={errors.insecure}>
        <Checkbox
          id="settings-insecure"
          label={t('settings.advanced.insecure')}
          isChecked={draft.insecure}
          isDisabled={!mayEdit}
          onChange={(_, checked) => set('insecure', checked)}
        />
      </Field>
      <TextField
        id="settings-timeout"
        label={t('settings.advanced.timeout')}
        value={draft.timeout}
        placeholder={examples.timeout}
        isDisabled={!mayEdit}
        error={errors.timeout}
        onChange={(value) => set('timeout', value)}
      />
      <TextField
        id="settings-s3-retention"
        label={t('settings.advanced.s3Retention')}
        help={t('settings.advanced.s3RetentionHelp')}
        inputMode="numeric"
        value={draft.s3Retention}
        isDisabled={!mayEdit}
        error={errors.s3Retention}
        onChange={(value) => set('s3Retention', value)}
      />
    </>
  );
}

/** What few need to set of anything else. */
export function AdvancedFields({ draft, set, errors, mayEdit }: Part) {
  const { t } = useTranslation();
  return (
    <>
      <Choice
        id="settings-verify"
        label={t('settings.advanced.verify')}
        help={t('settings.advanced.verifyHelp')}
        value={draft.verify}
        options={{
          checksum: t('settings.advanced.levels.checksum'),
          content: t('settings.advanced.levels.content'),
          restore: t('settings.advanced.levels.restore'),
        }}
        error={errors.verify}
        isDisabled={!mayEdit}
        onChange={(value) => set('verify', value)}
      />
      <TextField
        id="settings-min-free"
        label={t('settings.advanced.minFree')}
        help={t('settings.advanced.minFreeHelp')}
        value={draft.minFree}
        placeholder={examples.minFree}
        isDisabled={!mayEdit}
        error={errors.minFree}
        onChange={(value) => set('minFree', value)}
      />
      <Field
        id="settings-recipients"
        label={t('settings.advanced.recipients')}
        help={t('settings.advanced.recipientsHelp')}
        error={errors.recipients}
      >
        <TextArea
          id="settings-recipients"
          value={draft.recipients}
          placeholder={examples.recipient}
          isDisabled={!mayEdit}
          spellCheck={false}
          resizeOrientation="vertical"
          validated={errors.recipients ? 'error' : 'default'}
          onChange={(_, value) => set('recipients', value)}
        />
      </Field>
    </>
  );
}
