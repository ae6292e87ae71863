"""What a Backstage app says to show the plugins, in either frontend system."""

from typing import Final

PACK: Final = "# The package is not on npm; in a checkout of the sidecar: make plugin"
INSTALL: Final = "yarn --cwd packages/app add 'file:<checkout of the sidecar>/build/plugin.tgz'"

NEW: Final = """\
// packages/app/src/App.tsx: card, tab and page come with the feature
import { createApp } from '@backstage/frontend-defaults';
import litmusResilience from 'backstage-plugin-litmus-resilience/alpha';

export default createApp({ features: [litmusResilience] }).createRoot();

// The official plugin beside it: yarn --cwd packages/app add backstage-plugin-litmus
import { convertLegacyPlugin } from '@backstage/core-compat-api';
import {
  convertLegacyEntityCardExtension,
  convertLegacyEntityContentExtension,
} from '@backstage/plugin-catalog-react/alpha';
import {
  EntityLitmusCard,
  EntityLitmusContent,
  isLitmusAvailable,
  litmusPlugin,
} from 'backstage-plugin-litmus';

const litmus = convertLegacyPlugin(litmusPlugin, {
  extensions: [
    convertLegacyEntityCardExtension(EntityLitmusCard, { filter: isLitmusAvailable }),
    convertLegacyEntityContentExtension(EntityLitmusContent, {
      path: '/litmus',
      title: 'Litmus',
      filter: isLitmusAvailable,
    }),
  ],
}); // and features: [litmusResilience, litmus]
"""

OLD: Final = """\
// packages/app/src/components/catalog/EntityPage.tsx
import {
  EntityLitmusResilienceCard,
  EntityLitmusResilienceContent,
  isLitmusAvailable,
} from 'backstage-plugin-litmus-resilience';

// in overviewContent:
<EntitySwitch>
  <EntitySwitch.Case if={isLitmusAvailable}>
    <Grid item md={6}>
      <EntityLitmusResilienceCard />
    </Grid>
  </EntitySwitch.Case>
</EntitySwitch>

// in the EntityLayout of each kind of entity:
<EntityLayout.Route path="/resilience" title="Resilience" if={isLitmusAvailable}>
  <EntityLitmusResilienceContent />
</EntityLayout.Route>

// packages/app/src/App.tsx, among the routes:
import { LitmusPage } from 'backstage-plugin-litmus-resilience';
<Route path="/litmus" element={<LitmusPage />} />

// The official plugin beside it: yarn --cwd packages/app add backstage-plugin-litmus; then
// EntityLitmusCard and <EntityLayout.Route path="/litmus" title="Litmus"> with EntityLitmusContent.
"""

SYSTEMS: Final = {"new": NEW, "old": OLD}
"""By the frontend system's name."""
