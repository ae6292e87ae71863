import { useApi } from '@backstage/core-plugin-api';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { litmusResilienceApiRef } from '../../api/LitmusResilienceApi';
import { LitmusResilienceError } from '../../api/errors';
import type { Action, Begun } from '../../api/types';
import type { Offer } from './offers';

/** An action that was asked for here, as far as it is known when it was asked for. */
export interface Asked {
  experimentID: string;
  offer: Offer;
  /** `null` while it is being asked for, and if that failed. */
  begun: Begun | null;
  /** Why it was refused, or not heard of again. */
  error: LitmusResilienceError | null;
}

/** Actions of this view, the last of each experiment, and how to ask for another. */
export interface Actions {
  asked: ReadonlyMap<string, Asked>;
  ask: (experimentID: string, offer: Offer) => void;
  /** Asks for everything that an action may have changed. */
  refresh: () => void;
}

export function useActions(entityRef: string): Actions {
  const api = useApi(litmusResilienceApiRef);
  const queries = useQueryClient();
  const [asked, setAsked] = useState<ReadonlyMap<string, Asked>>(new Map());

  const refresh = useCallback(() => {
    for (const key of ['content', 'overview', 'runs', 'now']) void queries.invalidateQueries({ queryKey: [key] });
  }, [queries]);

  const ask = useCallback(
    (experimentID: string, offer: Offer) => {
      const put = (change: Pick<Asked, 'begun' | 'error'>) => {
        setAsked(before => new Map(before).set(experimentID, { experimentID, offer, ...change }));
      };
      put({ begun: null, error: null });
      api
        .act(entityRef, experimentID, offer.action, offer.suspended)
        .then(
          begun => {
            put({ begun, error: null });
          },
          (error: unknown) => {
            put({ begun: null, error: asFailure(error) });
          },
        )
        .finally(refresh);
    },
    [api, entityRef, refresh],
  );
  return { asked, ask, refresh };
}

function asFailure(error: unknown): LitmusResilienceError {
  if (error instanceof LitmusResilienceError) return error;
  return new LitmusResilienceError('failed', error instanceof Error ? error.message : '', null, null);
}

/** Whether nothing more is to be learnt of an action by asking again. */
export function isSettled(action: Pick<Action, 'outcome' | 'runID' | 'kind'>): boolean {
  if (action.outcome === 'unknown' || action.outcome === 'stopping') return false;
  return action.outcome !== 'accepted' || action.kind !== 'run' || action.runID !== null;
}
