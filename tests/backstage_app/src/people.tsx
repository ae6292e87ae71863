import { ProxiedSignInPage } from '@backstage/core-components';
import type { SignInPageProps } from '@backstage/core-plugin-api';

/** Signs in whoever the proxy in front says is there, as with Backstage's providers for IAP, ALB or oauth2-proxy. */
export const PeopleSignInPage = (props: SignInPageProps) => (
  <ProxiedSignInPage {...props} provider="people" />
);
