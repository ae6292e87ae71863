import { cleanup, configure } from '@testing-library/react';
import { afterEach } from 'vitest';

// A ceiling, not a wait: what is looked for is there much sooner, but on a machine under load.
configure({ asyncUtilTimeout: 20_000 });

afterEach(cleanup);
