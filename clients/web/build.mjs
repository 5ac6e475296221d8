/**
 * Builds the pages into dist/, which the edge serves as it is: pages/ copied, one script and one style sheet
 * per page in assets/, and in docs/ the API's description with Swagger UI to show it. The SDK is bundled from its sources (tsconfig.json, "paths"), so nothing has to be
 * built before. With --for-tests it builds the modules that test/ imports into dist-test/ instead.
 */
import { build } from 'esbuild';
import { copyFile, cp, rm } from 'node:fs/promises';

process.chdir(new URL('.', import.meta.url).pathname);
const forTests = process.argv.includes('--for-tests');

const pages = ['home', 'tablet', 'track', 'order', 'dashboard', 'docs'];
const testedModules = [
  'common/access-token',
  'common/language',
  'common/money',
  'common/texts',
  'common/zone',
  'dashboard/choice',
  'dashboard/restaurant',
  'tablet/availability',
  'tablet/board',
  'tablet/device',
  'order/cart',
  'order/guest-form',
  'order/opening',
  'order/options',
  'order/refusal',
];

const common = { bundle: true, format: 'esm', target: 'es2020', logLevel: 'warning' };

if (forTests) {
  await rm('dist-test', { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: [{ in: '../js/src/index.ts', out: 'client' }, ...testedModules.map((name) => ({ in: `src/${name}.ts`, out: name }))],
    splitting: true, // one SDK for all of them: an ApiError that a test makes is theirs
    outdir: 'dist-test',
    outExtension: { '.js': '.mjs' },
  });
} else {
  await rm('dist', { recursive: true, force: true });
  await cp('pages', 'dist', { recursive: true });
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js'])
    await copyFile(`node_modules/swagger-ui-dist/${name}`, `dist/docs/${name}`);
  await copyFile('../../docs/openapi.yaml', 'dist/docs/openapi.yaml');
  await build({
    ...common,
    entryPoints: pages.flatMap((name) => [`src/${name}/${name}.ts`, `styles/${name}.css`]),
    outdir: 'dist/assets',
    entryNames: '[name]',
    chunkNames: 'shared-[hash]',
    splitting: true,
    minify: true,
  });
}
