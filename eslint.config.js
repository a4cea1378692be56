import svelte from 'eslint-plugin-svelte'
import ts from 'typescript-eslint'

/** Imports run one way (core/ARCHITECTURE.md): `ui → core/http/api.ts`, `appliance → all`, `flows → core`, `plugins → core/contract`, `core → nothing of ours`. */
const oneWay = (files, patterns, message) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: patterns.map((regex) => ({ regex, message })) }] },
})

export default ts.config(
  { ignores: ['node_modules/', 'ui/dist/', '.viewshed/', '**/*.cjs'] },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser } } },
  // Every Map and Set of the UI that is not a SvelteMap lives inside one derivation; pages are plain paths, so links need no resolver.
  { files: ['ui/**'], rules: { 'svelte/prefer-svelte-reactivity': 'off', 'svelte/no-navigation-without-resolve': 'off' } },
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: 'error',
    },
  },
  // core/plugins has files only; the repository's plugins are folders, and their list.
  oneWay(['core/**'], ['/(flows|appliance|ui)/', '/plugins/(index\\.ts$|[a-z-]+/)'], 'core imports nothing of ours above it'),
  oneWay(['plugins/**/*.ts'], ['/core/(?!contract/)', '/(flows|appliance|ui)/'], 'a plugin imports core/contract only'),
  oneWay(['flows/**/*.ts'], ['/(plugins|appliance|ui)/'], 'flows imports core only'),
  oneWay(['ui/**'], ['/(plugins|flows|appliance)/', '/core/(?!http/api|contract/|store/port|tasks/port|devices/)'], 'the UI imports the typed API only'),
)
