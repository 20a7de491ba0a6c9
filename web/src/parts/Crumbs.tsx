import { Breadcrumb, BreadcrumbItem } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

/** The way back to the fleet, and what this is. */
export function Crumbs({ here }: { here: string }) {
  const { t } = useTranslation();
  return (
    <Breadcrumb className="hf-gap" aria-label={t('app.breadcrumb')}>
      <BreadcrumbItem
        render={({ className }) => (
          <Link to="/" className={className}>
            {t('fleet.title')}
          </Link>
        )}
      />
      <BreadcrumbItem isActive>{here}</BreadcrumbItem>
    </Breadcrumb>
  );
}
