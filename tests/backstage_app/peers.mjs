// Prints, as JSON, what the installed package asks of the app that uses it, and whether the app has it.
import { readFileSync } from 'node:fs';
import { satisfies } from 'semver';

const read = name => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
const itself = read('backstage-plugin-litmus-resilience');
const asked = { ...itself.dependencies, ...itself.peerDependencies };
const found = Object.entries(asked).map(([name, range]) => {
  const { version } = read(name);
  return { name, range, version, fits: satisfies(version, range) };
});
process.stdout.write(JSON.stringify(found));
