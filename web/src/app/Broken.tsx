import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import { Component, type ReactNode } from 'react';
import { Translation } from 'react-i18next';

/** Shows what is left to do when a view fails, in place of an empty page. */
export class Broken extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state as { error: Error | null };
    if (!error) return this.props.children;
    return (
      <Translation>
        {(t) => (
          <EmptyState status="danger" titleText={t('app.broken.title')} headingLevel="h1" icon={ExclamationCircleIcon}>
            <EmptyStateBody>
              {t('app.broken.body')}
              <pre className="hf-wrapped">{error.message}</pre>
            </EmptyStateBody>
            <EmptyStateFooter>
              <EmptyStateActions>
                <Button onClick={() => window.location.reload()}>{t('app.broken.reload')}</Button>
              </EmptyStateActions>
            </EmptyStateFooter>
          </EmptyState>
        )}
      </Translation>
    );
  }
}
