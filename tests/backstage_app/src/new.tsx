import '@backstage/ui/css/styles.css';
import { createApp } from '@backstage/frontend-defaults';
import { createFrontendModule } from '@backstage/frontend-plugin-api';
import { SignInPageBlueprint } from '@backstage/plugin-app-react';
import catalogPlugin from '@backstage/plugin-catalog/alpha';
import litmusResiliencePlugin from 'backstage-plugin-litmus-resilience/alpha';
import { createRoot } from 'react-dom/client';
import { PeopleSignInPage } from './people';

const people = createFrontendModule({
  pluginId: 'app',
  extensions: [SignInPageBlueprint.make({ params: { loader: async () => PeopleSignInPage } })],
});

const app = createApp({ features: [catalogPlugin, litmusResiliencePlugin, people] });

createRoot(document.getElementById('root')!).render(app.createRoot());
