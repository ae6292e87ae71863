export interface Config {
  /** Settings of the package backstage-plugin-litmus-resilience; none is required. */
  litmusResilience?: {
    /**
     * Path of the proxy endpoint that leads to the Litmus sidecar, as named under `proxy.endpoints`.
     * `/litmus` if absent.
     * @visibility frontend
     */
    proxyPath?: string;
    /**
     * Title of the card on the Overview tab. "Resilience" if absent, or its translation.
     * @visibility frontend
     */
    cardTitle?: string;
    /**
     * Window that is shown first: `24h`, `7d`, `30d`, `90d` or `12mo`. `30d` if absent.
     * @visibility frontend
     */
    window?: '24h' | '7d' | '30d' | '90d' | '12mo';
  };
}
