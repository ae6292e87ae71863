import { InfoCard } from '@backstage/core-components';
import type { ReactNode } from 'react';

/** A card whose title is a heading, so that screen readers find it. */
export function Panel({ title, fills = false, children }: { title: string; fills?: boolean; children: ReactNode }) {
  return (
    <InfoCard title={title} titleTypographyProps={HEADING} variant={fills ? 'gridItem' : undefined}>
      {children}
    </InfoCard>
  );
}

const HEADING = { component: 'h2' };
