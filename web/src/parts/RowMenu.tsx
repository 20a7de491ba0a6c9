import { MenuToggle } from '@patternfly/react-core';
import EllipsisVIcon from '@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon';
import { ActionsColumn, type IAction } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';

/** The actions of one row behind three dots that say whose they are; nothing when there are none. */
export function RowMenu({ of, items }: { of: string; items: IAction[] }) {
  const { t } = useTranslation();
  if (items.length === 0) return null;
  return (
    <ActionsColumn
      items={items}
      actionsToggle={({ onToggle, isOpen, isDisabled, toggleRef }) => (
        <MenuToggle
          ref={toggleRef}
          aria-label={t('app.actionsOf', { of })}
          variant="plain"
          icon={<EllipsisVIcon />}
          onClick={onToggle}
          isExpanded={isOpen}
          isDisabled={isDisabled ?? false}
        />
      )}
    />
  );
}
