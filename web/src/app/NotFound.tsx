import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

/** Shown for an address that is none. */
export function NotFound() {
  const { t } = useTranslation();
  return (
    <EmptyState titleText={t('app.notFound.title')} headingLevel="h1" icon={SearchIcon}>
      <EmptyStateBody>{t('app.notFound.body')}</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="link" component={(props) => <Link {...props} to="/" />}>
            {t('app.toFleet')}
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
