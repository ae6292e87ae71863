import { useApi } from '@backstage/core-plugin-api';
import { keepPreviousData, QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { litmusResilienceApiRef } from '../api/LitmusResilienceApi';
import type { LitmusResilienceApi } from '../api/LitmusResilienceApi';
import type { LitmusResilienceError } from '../api/errors';

const REFRESH_MS = 60_000;
/** Sooner after a failure, so that a restart of the sidecar is over for the viewer when it is over. */
const RETRY_MS = 15_000;

/** One cache per API, so that card, tab and page share answers and nobody else's. */
const clients = new WeakMap<LitmusResilienceApi, QueryClient>();

function clientOf(api: LitmusResilienceApi): QueryClient {
  let client = clients.get(api);
  if (!client) {
    client = new QueryClient({
      defaultOptions: {
        queries: {
          retry: false,
          networkMode: 'always',
          staleTime: REFRESH_MS / 2,
          // The focus manager of the library goes by the visibility of the document: hidden, nothing is asked.
          refetchOnWindowFocus: true,
          refetchIntervalInBackground: false,
          refetchInterval: query => (query.state.error ? RETRY_MS : REFRESH_MS),
        },
      },
    });
    clients.set(api, client);
  }
  return client;
}

/** Makes `useLive` work below it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const api = useApi(litmusResilienceApiRef);
  return <QueryClientProvider client={clientOf(api)}>{children}</QueryClientProvider>;
}

/** An answer that stays fresh while it is looked at; the last one is shown until the next is there. */
export type Live<Answer> = Pick<
  UseQueryResult<Answer, LitmusResilienceError>,
  'data' | 'error' | 'isFetching' | 'isPlaceholderData' | 'refetch'
>;

/**
 * Ask and keep asking.
 *
 * @param key - what tells this answer from others
 * @param everyMs - how often, by the last answer; `false`: not again. Every minute if absent
 */
export function useLive<Answer>(
  key: readonly unknown[],
  ask: (api: LitmusResilienceApi) => Promise<Answer>,
  everyMs?: (last: Answer | undefined) => number | false,
): Live<Answer> {
  const api = useApi(litmusResilienceApiRef);
  return useQuery<Answer, LitmusResilienceError>({
    queryKey: key,
    queryFn: () => ask(api),
    placeholderData: keepPreviousData,
    ...(everyMs === undefined ? {} : { refetchInterval: query => everyMs(query.state.data) }),
  });
}
