import { Button } from '@patternfly/react-core';
import AngleRightIcon from '@patternfly/react-icons/dist/esm/icons/angle-right-icon';
import { Td } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';

interface Props {
  /** What is unfolded. */
  of: string;
  open: boolean;
  onToggle: () => void;
}

/** The cell that unfolds what a row holds: PatternFly's own says "Details" in every language, and not of what. */
export function UnfoldCell({ of, open, onToggle }: Props) {
  const { t } = useTranslation();
  return (
    <Td className="pf-v6-c-table__toggle">
      <Button
        variant="plain"
        size="sm"
        className={open ? 'pf-m-expanded' : ''}
        aria-expanded={open}
        aria-label={t('app.copiesOf', { of })}
        icon={
          <div className="pf-v6-c-table__toggle-icon">
            <AngleRightIcon />
          </div>
        }
        onClick={onToggle}
      />
    </Td>
  );
}
