import { SearchInput, Toolbar, ToolbarContent, ToolbarItem, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Distro, Filter } from './filter';

const distros: Distro[] = ['k3s', 'rke2', 'rke', 'etcd'];

/** What a distribution is called. */
export const distroNames: Record<Distro, string> = { k3s: 'K3s', rke2: 'RKE2', rke: 'RKE', etcd: 'etcd' };

interface Props {
  filter: Filter;
  onFilter: (filter: Filter) => void;
  shown: number;
  all: number;
}

/** Search and filters of the fleet. */
export function FleetToolbar({ filter, onFilter, shown, all }: Props) {
  const { t } = useTranslation();
  return (
    <Toolbar>
      <ToolbarContent>
        <ToolbarItem>
          <SearchInput
            aria-label={t('fleet.search')}
            resetButtonLabel={t('fleet.clearSearch')}
            placeholder={t('fleet.search')}
            value={filter.text}
            onChange={(_, text) => onFilter({ ...filter, text })}
            onClear={() => onFilter({ ...filter, text: '' })}
          />
        </ToolbarItem>
        <ToolbarItem>
          <ToggleGroup aria-label={t('fleet.distro')}>
            {distros.map((distro) => (
              <ToggleGroupItem
                key={distro}
                text={distroNames[distro]}
                buttonId={`distro-${distro}`}
                isSelected={filter.distro === distro}
                onChange={(_, selected) => onFilter({ ...filter, distro: selected ? distro : undefined })}
              />
            ))}
          </ToggleGroup>
        </ToolbarItem>
        <ToolbarItem align={{ default: 'alignEnd' }} alignSelf="center" aria-live="polite">
          {shown === all ? t('fleet.count', { count: all }) : t('fleet.countOf', { shown, count: all })}
        </ToolbarItem>
      </ToolbarContent>
    </Toolbar>
  );
}
