import { Button, EmptyState, EmptyStateActions, EmptyStateFooter } from '@patternfly/react-core';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { Table, Tbody, Th, Thead, Tr, type ThProps } from '@patternfly/react-table';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { Pages } from '../parts/Pages';
import type { Filter } from './filter';
import { FleetRow } from './FleetRow';
import { columns, sorted, type Sorting } from './sorting';

/** Rows of one page: the page stays quick with thousands of clusters. */
const perPage = 50;

interface Props {
  clusters: Cluster[];
  /** What was asked for: the pages begin anew with each. */
  filter: Filter;
  onClear: () => void;
}

/** The clusters of the fleet, a page at a time. */
export function FleetTable({ clusters, filter, onClear }: Props) {
  const { t } = useTranslation();
  const [sorting, setSorting] = useState<Sorting>();
  const [turned, setTurned] = useState({ filter, page: 1 });
  const turn = (page: number) => setTurned({ filter, page });
  const sort = (by: Sorting) => {
    setSorting(by);
    turn(1);
  };
  const rows = useMemo(() => sorted(clusters, sorting), [clusters, sorting]);
  const pages = Math.max(1, Math.ceil(rows.length / perPage));
  const page = Math.min(turned.filter === filter ? turned.page : 1, pages);
  if (rows.length === 0) return <NoMatch onClear={onClear} />;
  return (
    <>
      <Table aria-label={t('fleet.title')} variant="compact" isStickyHeader>
        <Thead>
          <Tr>
            {columns.map((column, index) => (
              <Th key={column} {...sortProps(index, sorting, sort)}>
                {t(`fleet.column.${column}`)}
              </Th>
            ))}
            <Th>{t('fleet.column.attention')}</Th>
            <Th>{t('fleet.column.operation')}</Th>
            <Th screenReaderText={t('app.actions')} />
          </Tr>
        </Thead>
        <Tbody>
          {rows.slice((page - 1) * perPage, page * perPage).map((cluster) => (
            <FleetRow key={cluster.metadata.uid} cluster={cluster} />
          ))}
        </Tbody>
      </Table>
      {pages > 1 && <Pages rows={rows.length} perPage={perPage} page={page} onPage={turn} />}
    </>
  );
}

function sortProps(index: number, sorting: Sorting | undefined, onSort: (sorting: Sorting) => void): Pick<ThProps, 'sort'> {
  return {
    sort: {
      columnIndex: index,
      sortBy: sorting ? { index: columns.indexOf(sorting.column), direction: sorting.direction } : {},
      onSort: (_, clicked, direction) => {
        const column = columns[clicked];
        if (column) onSort({ column, direction });
      },
    },
  };
}

function NoMatch({ onClear }: { onClear: () => void }) {
  const { t } = useTranslation();
  return (
    <EmptyState titleText={t('fleet.noMatch')} headingLevel="h2" icon={SearchIcon}>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="link" onClick={onClear}>
            {t('fleet.clear')}
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
