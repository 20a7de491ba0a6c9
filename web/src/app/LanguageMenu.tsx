import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { choose, languages, type Language } from '../i18n';

/** Switches between the languages, each by its own name. */
export function LanguageMenu() {
  const { t, i18n } = useTranslation();
  return (
    <ToggleGroup aria-label={t('app.language')} isCompact>
      {(Object.keys(languages) as Language[]).map((language) => (
        <ToggleGroupItem
          key={language}
          text={languages[language]}
          buttonId={`language-${language}`}
          isSelected={i18n.language === language}
          onChange={() => void choose(language)}
        />
      ))}
    </ToggleGroup>
  );
}
