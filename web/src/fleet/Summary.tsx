import { Button, Flex, FlexItem } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon';
import InfoCircleIcon from '@patternfly/react-icons/dist/esm/icons/info-circle-icon';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { attention, concerns, levels, type Concern, type Level } from './attention';
import type { Filter } from './filter';

const icons: Record<Level, typeof CheckCircleIcon> = {
  danger: ExclamationCircleIcon,
  warning: ExclamationTriangleIcon,
  note: InfoCircleIcon,
};

/** What needs attention first, over the whole fleet. Each count shows the clusters that it counts. */
export function Summary({
  clusters,
  filter,
  onFilter,
}: {
  clusters: Cluster[];
  filter: Filter;
  onFilter: (filter: Filter) => void;
}) {
  const { t } = useTranslation();
  const counts = count(clusters);
  const urgent = [...counts.keys()].some((concern) => levels[concern] === 'danger');
  return (
    <Flex gap={{ default: 'gapMd' }} alignItems={{ default: 'alignItemsCenter' }} role="group" aria-label={t('fleet.attention')}>
      {!urgent && (
        <FlexItem>
          <span className="hf-status hf-good">
            <CheckCircleIcon aria-hidden /> {t('fleet.safe', { count: clusters.length })}
          </span>
        </FlexItem>
      )}
      {concerns
        .filter((concern) => counts.has(concern))
        .map((concern) => (
          <Count
            key={concern}
            concern={concern}
            count={counts.get(concern) ?? 0}
            chosen={filter.concern === concern}
            onChoose={() => onFilter({ ...filter, concern: filter.concern === concern ? undefined : concern })}
          />
        ))}
    </Flex>
  );
}

function Count(props: { concern: Concern; count: number; chosen: boolean; onChoose: () => void }) {
  const { t } = useTranslation();
  const level = levels[props.concern];
  const Icon = icons[level];
  return (
    <FlexItem>
      <Button
        variant={props.chosen ? 'secondary' : 'tertiary'}
        size="sm"
        icon={<Icon className={`hf-${level}`} aria-hidden />}
        aria-pressed={props.chosen}
        onClick={props.onChoose}
      >
        {t(`summary.${props.concern}`, { count: props.count })}
      </Button>
    </FlexItem>
  );
}

function count(clusters: Cluster[]): Map<Concern, number> {
  const counts = new Map<Concern, number>();
  for (const cluster of clusters) {
    for (const { concern } of attention(cluster)) counts.set(concern, (counts.get(concern) ?? 0) + 1);
  }
  return counts;
}
