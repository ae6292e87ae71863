import { identityApiRef, useApi } from '@backstage/core-plugin-api';
import { useEffect, useState } from 'react';
import type { AttentionItem, EntityRow, Group, Grouping } from '../../api/types';

/** References that the viewer owns by: their user and groups; empty until known, and for who is nobody. */
export function useOwnership(): ReadonlySet<string> {
  const identityApi = useApi(identityApiRef);
  const [refs, setRefs] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    let isCurrent = true;
    identityApi.getBackstageIdentity().then(
      identity => {
        if (isCurrent) setRefs(new Set(identity.ownershipEntityRefs.map(ref => ref.toLowerCase())));
      },
      () => undefined, // Not signed in: then nothing is theirs.
    );
    return () => {
      isCurrent = false;
    };
  }, [identityApi]);
  return refs;
}

/** Entities that the viewer owns. */
export function ownEntities(entities: EntityRow[], refs: ReadonlySet<string>): ReadonlySet<string> {
  return new Set(
    entities.filter(one => one.owner !== null && refs.has(one.owner.toLowerCase())).map(one => one.entityRef),
  );
}

/** Whether a group is the viewer's: an owner that they are, or a system or domain with something of theirs. */
export function isOwn(
  group: Group,
  grouping: Grouping,
  refs: ReadonlySet<string>,
  own: ReadonlySet<string>,
): boolean {
  if (grouping === 'owner') return group.group !== null && refs.has(group.group.toLowerCase());
  return group.entities.some(ref => own.has(ref));
}

/** What passes the test first, in the order that there was otherwise. */
function first<Row>(rows: Row[], test: (row: Row) => boolean): Row[] {
  return [...rows.filter(test), ...rows.filter(row => !test(row))];
}

/** What is the viewer's first, or alone. */
export function mineOf<Row>(rows: Row[], isMine: (row: Row) => boolean, onlyMine: boolean): Row[] {
  return onlyMine ? rows.filter(isMine) : first(rows, isMine);
}

const URGENCY: Record<AttentionItem['grade'], number> = { Urgent: 0, Soon: 1, Later: 2 };

/** What needs attention, the most urgent first; of one grade in the order that there was. */
export function byUrgency<Item extends AttentionItem>(items: Item[]): Item[] {
  return [...items].sort((one, other) => URGENCY[one.grade] - URGENCY[other.grade]);
}

/** Entities in which every word is found. */
export function search(entities: EntityRow[], text: string): EntityRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return entities.filter(one => {
    const all = [one.entityRef, one.title, one.owner, one.system, one.domain, one.projectID, one.instance]
      .join(' ')
      .toLowerCase();
    return words.every(word => all.includes(word));
  });
}
