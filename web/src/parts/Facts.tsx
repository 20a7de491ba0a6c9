import { DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core';
import type { ReactNode } from 'react';

/** A list of facts, each with its name. */
export function Facts({ children }: { children: ReactNode }) {
  return (
    <DescriptionList isCompact isHorizontal>
      {children}
    </DescriptionList>
  );
}

/** One fact of a list. */
export function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{term}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}
