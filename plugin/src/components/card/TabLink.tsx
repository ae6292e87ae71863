import { Link } from '@backstage/core-components';
import { useRouteRef } from '@backstage/core-plugin-api';
import { Component } from 'react';
import type { ReactNode } from 'react';
import { useWords } from '../../hooks/useWords';
import { contentRouteRef } from '../../routes';

/** The way from the card to the entity's tab; nothing in an app that has no tab. */
export function TabLink() {
  return (
    <IfMounted>
      <LinkToTab />
    </IfMounted>
  );
}

function LinkToTab() {
  const { t } = useWords();
  const route = useRouteRef(contentRouteRef);
  return (
    <Link to={route()} underline="always">
      {t('openTab')}
    </Link>
  );
}

/** Shows nothing where a route is not mounted: Backstage says that by an exception alone. */
class IfMounted extends Component<{ children: ReactNode }, { isMounted: boolean }> {
  override state = { isMounted: true };

  static getDerivedStateFromError() {
    return { isMounted: false };
  }

  override render() {
    return this.state.isMounted ? this.props.children : null;
  }
}
