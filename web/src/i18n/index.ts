import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { keep, kept } from '../app/preferences';
import en from './en.json';

/** The languages of the page, by their own names. */
export const languages = { en: 'English', zh: '简体中文' } as const;

export type Language = keyof typeof languages;

/** Loads the texts; those of another language than English only when they are wanted. */
export async function startTexts(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    // React escapes.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await speak(preferred());
}

/** Switches the page to a language, and remembers it. */
export async function speak(language: Language): Promise<void> {
  if (language === 'zh' && !i18next.hasResourceBundle('zh', 'translation')) {
    const texts = await import('./zh.json');
    i18next.addResourceBundle('zh', 'translation', texts.default);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
}

export async function choose(language: Language): Promise<void> {
  keep('language', language);
  await speak(language);
}

function preferred(): Language {
  const stored = kept('language');
  if (stored === 'en' || stored === 'zh') return stored;
  return navigator.languages.some((wanted) => /^zh\b/i.test(wanted)) ? 'zh' : 'en';
}
