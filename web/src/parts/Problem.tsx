import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import LockIcon from '@patternfly/react-icons/dist/esm/icons/lock-icon';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';

/** Shown in place of what could not be read: what the API said, and what to do about it. */
export function Problem({ error, retry, heading = 'h2' }: { error: Error; retry?: () => void; heading?: 'h1' | 'h2' }) {
  const { t } = useTranslation();
  const forbidden = error instanceof ApiError && error.code === 403;
  return (
    <EmptyState
      status={forbidden ? 'info' : 'danger'}
      icon={forbidden ? LockIcon : ExclamationCircleIcon}
      titleText={t(forbidden ? 'problem.forbidden' : 'problem.title')}
      headingLevel={heading}
    >
      <EmptyStateBody>
        {forbidden && <p>{t('problem.askFor')}</p>}
        <p className="hf-wrapped">{error.message}</p>
      </EmptyStateBody>
      {retry && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button onClick={retry}>{t('problem.retry')}</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
