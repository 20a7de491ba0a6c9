import { Bullseye, Spinner } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';

/** Shown while something is on its way. */
export function Loading() {
  const { t } = useTranslation();
  return (
    <Bullseye className="hf-loading">
      <Spinner aria-label={t('app.loading')} aria-valuetext={t('app.loading')} />
    </Bullseye>
  );
}
