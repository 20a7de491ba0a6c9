import { Pagination } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';

interface Props {
  rows: number;
  perPage: number;
  page: number;
  onPage: (page: number) => void;
}

/** Turns the pages of a long list. */
export function Pages({ rows, perPage, page, onPage }: Props) {
  const { t } = useTranslation();
  return (
    <Pagination
      variant="bottom"
      itemCount={rows}
      perPage={perPage}
      page={page}
      perPageOptions={[]}
      onSetPage={(_, next) => onPage(next)}
      toggleTemplate={({ firstIndex, lastIndex, itemCount }) => (
        <>{t('pages.shown', { first: firstIndex, last: lastIndex, count: itemCount ?? 0 })}</>
      )}
      titles={{
        paginationAriaLabel: t('pages.title'),
        toFirstPageAriaLabel: t('pages.first'),
        toPreviousPageAriaLabel: t('pages.previous'),
        toNextPageAriaLabel: t('pages.next'),
        toLastPageAriaLabel: t('pages.last'),
        currPageAriaLabel: t('pages.current'),
        ofWord: t('pages.of'),
        optionsToggleAriaLabel: t('pages.title'),
        itemsPerPage: t('pages.title'),
        perPageSuffix: '',
        items: '',
        page: '',
        pages: '',
      }}
    />
  );
}
