/**
 * The plugin for the new frontend system, and the words of this package to translate.
 *
 * @packageDocumentation
 */
import { compatWrapper, convertLegacyRouteRef } from '@backstage/core-compat-api';
import {
  ApiBlueprint,
  createExtension,
  createExtensionDataRef,
  createFrontendPlugin,
  createRouteRef,
  PageBlueprint,
} from '@backstage/frontend-plugin-api';
import type { IconComponent, RouteRef } from '@backstage/frontend-plugin-api';
import { EntityCardBlueprint, EntityContentBlueprint } from '@backstage/plugin-catalog-react/alpha';
import { isLitmusAvailable } from './annotations';
import { LitmusIcon } from './components/common/LitmusIcon';
import { litmusResilienceApiFactory } from './plugin';
import { contentRouteRef } from './routes';

export { litmusResilienceTranslationRef } from './translation';

const TITLE = 'Litmus';
const rootRouteRef = createRouteRef();

// Not `ApiBlueprint.make`: its parameters are another thing in Backstage 1.40 than in later releases.
const api = createExtension({
  kind: 'api',
  attachTo: { id: 'root', input: 'apis' },
  output: [ApiBlueprint.dataRefs.factory],
  factory: () => [ApiBlueprint.dataRefs.factory(litmusResilienceApiFactory)],
});

const card = EntityCardBlueprint.make({
  name: 'overview',
  params: {
    filter: isLitmusAvailable,
    loader: async () => {
      const { ResilienceCard } = await import('./components/card/ResilienceCard');
      return compatWrapper(<ResilienceCard />);
    },
  },
});

/** Releases until 1.41 or so know path and title of blueprints by the names they had then. */
function alsoByOldNames<Params extends { path: string; title?: string }>(params: Params): Params {
  return { ...params, defaultPath: params.path, defaultTitle: params.title };
}

const content = EntityContentBlueprint.make({
  name: 'resilience',
  params: alsoByOldNames({
    path: '/resilience',
    title: 'Resilience',
    filter: isLitmusAvailable,
    routeRef: convertLegacyRouteRef(contentRouteRef),
    loader: async () => {
      const { ResilienceContent } = await import('./components/content/ResilienceContent');
      return compatWrapper(<ResilienceContent />);
    },
  }),
});

const page = PageBlueprint.make({
  params: alsoByOldNames({
    path: '/litmus',
    title: TITLE,
    icon: <LitmusIcon fontSize="inherit" />,
    routeRef: rootRouteRef,
    noHeader: true,
    loader: async () => {
      const { LitmusPage } = await import('./components/page/LitmusPage');
      return compatWrapper(<LitmusPage />);
    },
  }),
});

// Later releases take the item from the page, and this one's title and icon where the page has none.
const navItemDataRef = createExtensionDataRef<{ title: string; icon: IconComponent; routeRef: RouteRef<undefined> }>().with({
  id: 'core.nav-item.target',
});
const navItem = createExtension({
  kind: 'nav-item',
  attachTo: { id: 'app/nav', input: 'items' },
  output: [navItemDataRef],
  factory: () => [navItemDataRef({ title: TITLE, icon: LitmusIcon, routeRef: rootRouteRef })],
});

/**
 * The plugin: a card, a tab and a page, each switched and configured under `app.extensions`.
 *
 * @alpha
 */
export default createFrontendPlugin({
  pluginId: 'litmus-resilience',
  routes: { root: rootRouteRef, content: convertLegacyRouteRef(contentRouteRef) },
  extensions: [api, card, content, page, navItem],
});
