import { Tooltip } from '@patternfly/react-core';
import CheckIcon from '@patternfly/react-icons/dist/esm/icons/check-icon';
import MinusIcon from '@patternfly/react-icons/dist/esm/icons/minus-icon';
import TimesIcon from '@patternfly/react-icons/dist/esm/icons/times-icon';
import { useTranslation } from 'react-i18next';
import { exactly } from '../parts/time';
import type { Copy } from './backups';

type Test = NonNullable<Copy['evidence']>[number];

const icons = { passed: CheckIcon, failed: TimesIcon, skipped: MinusIcon };
const classes = { passed: 'hf-good', failed: 'hf-danger', skipped: 'hf-quiet' };

/** The tests that a copy stood or failed, with when and how on hover. */
export function Evidence({ evidence }: { evidence: Test[] }) {
  return (
    <span className="hf-tests">
      {evidence.map((test) => (
        <OneTest key={test.level} test={test} />
      ))}
    </span>
  );
}

function OneTest({ test }: { test: Test }) {
  const { t, i18n } = useTranslation();
  const Icon = icons[test.outcome];
  const details = [
    t(`evidence.outcome.${test.outcome}`, { at: exactly(Date.parse(test.at), i18n.language) }),
    test.machine && t('evidence.on', { machine: test.machine }),
    test.took && t('evidence.took', { took: test.took }),
    test.reason,
  ];
  return (
    <Tooltip content={details.filter(Boolean).join(' · ')}>
      <span className="hf-status" tabIndex={0}>
        <Icon className={classes[test.outcome]} aria-label={t(`evidence.short.${test.outcome}`)} />{' '}
        {t(`evidence.level.${test.level}`)}
      </span>
    </Tooltip>
  );
}
