import { useSyncExternalStore } from 'react';
import { keep, kept } from './preferences';

export type Theme = 'system' | 'light' | 'dark';

export const themes: readonly Theme[] = ['system', 'light', 'dark'];

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();
let theme: Theme = stored();

function stored(): Theme {
  const value = kept('theme');
  return themes.find((known) => known === value) ?? 'system';
}

/** Shows the page in the theme that was chosen, and follows the system's while none is. */
export function startTheme(): void {
  systemDark.addEventListener('change', apply);
  apply();
}

function apply(): void {
  const dark = theme === 'dark' || (theme === 'system' && systemDark.matches);
  document.documentElement.classList.toggle('pf-v6-theme-dark', dark);
}

export function chooseTheme(next: Theme): void {
  theme = next;
  keep('theme', next);
  apply();
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
}
