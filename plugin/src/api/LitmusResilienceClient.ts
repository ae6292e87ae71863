import { parseEntityRef } from '@backstage/catalog-model';
import type { ConfigApi, DiscoveryApi, FetchApi } from '@backstage/core-plugin-api';
import { failureOf, LitmusResilienceError } from './errors';
import type { LitmusResilienceApi } from './LitmusResilienceApi';
import type {
  Action,
  ActionName,
  AttentionList,
  Begun,
  Content,
  EntityList,
  EntityRow,
  Grouping,
  NowList,
  Overview,
  Portfolio,
  RunFilter,
  RunPage,
  WindowName,
} from './types';

const PATHS: Record<ActionName, string> = {
  run: 'run',
  stop: 'stop',
  schedule: 'schedule',
  startSchedule: 'schedule/start',
};
/** Rows of a page of runs. */
const RUNS_A_PAGE = '25';
/** Most rows of one answer. */
const MOST = '200';

/**
 * Asks the sidecar through Backstage's proxy, as the person who is signed in.
 *
 * @public
 */
export class LitmusResilienceClient implements LitmusResilienceApi {
  private readonly discoveryApi: DiscoveryApi;
  private readonly fetchApi: FetchApi;
  private readonly proxyPath: string;

  constructor(options: { discoveryApi: DiscoveryApi; fetchApi: FetchApi; configApi?: ConfigApi }) {
    this.discoveryApi = options.discoveryApi;
    this.fetchApi = options.fetchApi;
    const path = options.configApi?.getOptionalString('litmusResilience.proxyPath') ?? '/litmus';
    this.proxyPath = `/${path.replace(/^\/+|\/+$/g, '')}`;
  }

  overview(entityRef: string, window: WindowName): Promise<Overview> {
    return this.json(`${entityPath(entityRef)}/overview?${new URLSearchParams({ window }).toString()}`);
  }

  content(entityRef: string): Promise<Content> {
    return this.json(`${entityPath(entityRef)}/content`);
  }

  runs(entityRef: string, filter: RunFilter, cursor?: string): Promise<RunPage> {
    const query = new URLSearchParams({ ...filter, limit: RUNS_A_PAGE, ...(cursor ? { cursor } : {}) });
    return this.json(`${entityPath(entityRef)}/runs?${query.toString()}`);
  }

  async runsCsv(entityRef: string, filter: RunFilter): Promise<Blob> {
    const query = new URLSearchParams({ ...filter, format: 'csv' });
    const response = await this.ask(`${entityPath(entityRef)}/runs?${query.toString()}`);
    return response.blob();
  }

  portfolio(group: Grouping, window: WindowName): Promise<Portfolio> {
    return this.json(`/portfolio?${new URLSearchParams({ group, window, limit: MOST }).toString()}`);
  }

  attention(): Promise<AttentionList> {
    return this.json(`/attention?limit=${MOST}`);
  }

  now(): Promise<NowList> {
    return this.json(`/now?limit=${MOST}`);
  }

  async entities(): Promise<EntityList> {
    const entities: EntityRow[] = [];
    let cursor: string | null = null;
    do {
      const query: URLSearchParams = new URLSearchParams({ limit: MOST, ...(cursor ? { cursor } : {}) });
      const page: EntityList = await this.json(`/entities?${query.toString()}`);
      entities.push(...page.entities);
      cursor = page.nextCursor;
    } while (cursor);
    return { entities, nextCursor: null };
  }

  act(entityRef: string, experimentID: string, action: ActionName, suspended?: boolean): Promise<Begun> {
    return this.json(
      `${entityPath(entityRef)}/experiments/${encodeURIComponent(experimentID)}/${PATHS[action]}`,
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: action === 'startSchedule' ? undefined : JSON.stringify(bodyOf(action, suspended)),
      },
    );
  }

  action(actionID: string): Promise<Action> {
    return this.json(`/actions/${encodeURIComponent(actionID)}`);
  }

  private async json<Answer>(path: string, init?: RequestInit): Promise<Answer> {
    const response = await this.ask(path, init);
    const text = await response.text();
    try {
      return JSON.parse(text) as Answer;
    } catch {
      throw new LitmusResilienceError('failed', '', response.status, null);
    }
  }

  private async ask(path: string, init?: RequestInit): Promise<Response> {
    const proxy = await this.discoveryApi.getBaseUrl('proxy');
    let response: Response;
    try {
      response = await this.fetchApi.fetch(`${proxy}${this.proxyPath}/api/v1${path}`, init);
    } catch (error) {
      throw new LitmusResilienceError('offline', error instanceof Error ? error.message : '', null, null);
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  }
}

function bodyOf(action: ActionName, suspended: boolean | undefined): object {
  if (action === 'schedule') return { suspended: suspended ?? false };
  return action === 'stop' ? { all: true } : {};
}

function entityPath(entityRef: string): string {
  const { kind, namespace, name } = parseEntityRef(entityRef);
  return `/entities/${[kind, namespace, name].map(encodeURIComponent).join('/')}`;
}
