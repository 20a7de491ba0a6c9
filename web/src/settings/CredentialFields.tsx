import { Button, Radio } from '@patternfly/react-core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { secrets } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import { Field, TextField } from './Field';
import { anyKeys, noKeys } from './keys';
import { hasKeys, type Part } from './SettingsForm';

/** How the nodes prove to the S3 server who they are. Keys that are set are never shown again, only replaced. */
export function CredentialFields(part: Part) {
  const { t } = useTranslation();
  const { draft, set, errors, mayEdit, keys, setKeys, base } = part;
  const mayStore = useMay(wish('create', secrets, base.metadata.namespace));
  const [replacing, setReplacing] = useState(false);
  const kept = hasKeys(part) && !replacing && !anyKeys(keys);
  return (
    <>
      <Field id="settings-auth" role="radiogroup" label={t('settings.keys.title')} error={errors.auth}>
        {(['keys', 'role'] as const).map((each) => (
          <Radio
            key={each}
            id={`settings-auth-${each}`}
            name="auth"
            label={t(`settings.keys.${each}.name`)}
            description={t(`settings.keys.${each}.means`)}
            isChecked={draft.auth === each}
            isDisabled={!mayEdit || (each === 'keys' && !mayStore && !hasKeys(part))}
            onChange={() => set('auth', each)}
          />
        ))}
      </Field>
      {draft.auth === 'keys' && kept && (
        <p>
          {t('settings.keys.kept')}{' '}
          {mayEdit && mayStore && (
            <Button variant="link" isInline onClick={() => setReplacing(true)}>
              {t('settings.keys.replace')}
            </Button>
          )}
        </p>
      )}
      {draft.auth === 'keys' && !kept && mayStore && (
        <>
          <TextField
            id="settings-access-key"
            label={t('settings.keys.access')}
            value={keys.access}
            isRequired
            isDisabled={!mayEdit}
            error={errors.accessKey}
            onChange={(access) => setKeys({ ...keys, access })}
          />
          <TextField
            id="settings-secret-key"
            label={t('settings.keys.secret')}
            help={t('settings.keys.secretHelp')}
            type="password"
            value={keys.secret}
            isRequired
            isDisabled={!mayEdit}
            error={errors.secretKey}
            onChange={(secret) => setKeys({ ...keys, secret })}
          />
          {hasKeys(part) && (
            <p>
              <Button
                variant="link"
                isInline
                onClick={() => {
                  setReplacing(false);
                  setKeys(noKeys);
                }}
              >
                {t('settings.keys.keep')}
              </Button>
            </p>
          )}
        </>
      )}
    </>
  );
}
