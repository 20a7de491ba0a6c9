import { useEffect } from 'react';

/** Names the browser's tab after the view. */
export function useTitle(...parts: string[]): void {
  const title = [...parts, 'Holdfast'].join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}
