import { Button, CodeBlock, CodeBlockAction, CodeBlockCode } from '@patternfly/react-core';
import CheckIcon from '@patternfly/react-icons/dist/esm/icons/check-icon';
import CopyIcon from '@patternfly/react-icons/dist/esm/icons/copy-icon';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

/** A text for a shell, and a button that copies it. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <CodeBlock
      actions={
        <CodeBlockAction>
          <Button
            variant="plain"
            size="sm"
            icon={copied ? <CheckIcon /> : <CopyIcon />}
            aria-label={copied ? t('app.copied') : t('app.copyThat', { what: label })}
            onClick={() => void copy()}
          >
            {t(copied ? 'app.copied' : 'app.copy')}
          </Button>
        </CodeBlockAction>
      }
    >
      <CodeBlockCode className="hf-wrapped" tabIndex={0} aria-label={label}>
        {text}
      </CodeBlockCode>
    </CodeBlock>
  );
}
