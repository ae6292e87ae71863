import type { Entity } from '@backstage/catalog-model';
import { ConfigReader } from '@backstage/core-app-api';
import { configApiRef, identityApiRef } from '@backstage/core-plugin-api';
import type { IdentityApi } from '@backstage/core-plugin-api';
import { entityRouteRef, EntityProvider } from '@backstage/plugin-catalog-react';
import { renderInTestApp, TestApiProvider } from '@backstage/test-utils';
import type { ReactElement } from 'react';
import { litmusResilienceApiRef } from '../src/api/LitmusResilienceApi';
import { LitmusResilienceClient } from '../src/api/LitmusResilienceClient';
import { contentRouteRef } from '../src/routes';
import type { Sidecar } from './sidecar';

export const ENTITY: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'checkout', annotations: { 'litmuschaos.io/project-id': 'bb871c20-c257-55c6-9338-b783e5263c1c' } },
};

/** The real client, through where Backstage's proxy would be. */
export function clientOf(sidecar: Sidecar, config: object = {}): LitmusResilienceClient {
  return new LitmusResilienceClient({
    discoveryApi: { getBaseUrl: plugin => Promise.resolve(`${sidecar.url}/api/${plugin}`) },
    fetchApi: { fetch },
    configApi: new ConfigReader(config as never),
  });
}

/** Render a view in an app, for somebody who owns by the given references; `tab` is where the tab is mounted, if it is. */
export async function show(
  view: ReactElement,
  sidecar: Sidecar,
  {
    entity = ENTITY,
    owned = ['user:default/alice'],
    config = {},
    tab,
  }: { entity?: Entity; owned?: string[]; config?: object; tab?: string } = {},
) {
  const identity: IdentityApi = {
    getBackstageIdentity: () =>
      Promise.resolve({ type: 'user', userEntityRef: owned[0] ?? 'user:default/guest', ownershipEntityRefs: owned }),
    getCredentials: () => Promise.resolve({}),
    getProfileInfo: () => Promise.resolve({}),
    signOut: () => Promise.resolve(),
  };
  return renderInTestApp(
    <TestApiProvider
      apis={[
        [litmusResilienceApiRef, clientOf(sidecar, config)],
        [identityApiRef, identity],
        [configApiRef, new ConfigReader(config as never)],
      ]}
    >
      <EntityProvider entity={entity}>{view}</EntityProvider>
    </TestApiProvider>,
    {
      mountedRoutes: { '/catalog/:namespace/:kind/:name': entityRouteRef, ...(tab ? { [tab]: contentRouteRef } : {}) },
    },
  );
}
