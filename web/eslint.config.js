import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/api/types.gen.ts'] },
  tseslint.configs.strict,
  hooks.configs.flat['recommended-latest'],
  { rules: { '@typescript-eslint/no-non-null-assertion': 'error', eqeqeq: 'error' } },
  {
    // These speak English unless they are told otherwise at each use: src/parts has ours.
    files: ['src/**'],
    ignores: ['src/parts/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: '@patternfly/react-core',
              importNames: ['Alert', 'Breadcrumb', 'Modal', 'Pagination'],
              message: 'Take ours, of src/parts.',
            },
            { name: '@patternfly/react-table', importNames: ['ActionsColumn'], message: 'Take RowMenu, of src/parts.' },
          ],
        },
      ],
    },
  },
);
