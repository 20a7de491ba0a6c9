type Preference = 'language' | 'theme' | 'namespaces';

/** What this browser was told before; undefined when nothing was, or when it keeps nothing. */
export function kept(preference: Preference): string | undefined {
  try {
    return localStorage.getItem(`holdfast.${preference}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(preference: Preference, value: string): void {
  try {
    localStorage.setItem(`holdfast.${preference}`, value);
  } catch {
    // Then it is for this visit only.
  }
}
