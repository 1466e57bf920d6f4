import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

import { bareText } from './lint/bare-text.mjs';

/** The panel and the connect page. The paths are those of the repository, in which the script `lint` calls eslint. */
const PANEL = 'labextension/src/**/*.ts';
const PAGE = 'jupyter_mcp_proxy/sidecar/static/*.js';

export default tseslint.config(
  {
    files: [PANEL, PAGE],
    plugins: { own: { rules: { 'bare-text': bareText } } },
    extends: [eslint.configs.recommended, ...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.json', 'tsconfig.page.json'],
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      eqeqeq: 'error',
      // Names of clients, tokens, notebooks and cells are text.
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write'].map(property => ({
          property,
          message: 'Use textContent: names come from clients.'
        }))
      ]
    }
  },
  {
    files: [PANEL],
    rules: {
      'own/bare-text': [
        'error',
        { names: ['MCP', 'MCP:'], takes: { element: 2, setText: 1, say: 0, showErrorMessage: 1 } }
      ],
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], custom: { regex: '^I[A-Z]', match: true } }
      ],
      '@typescript-eslint/no-namespace': 'off'
    }
  },
  {
    files: [PAGE],
    rules: {
      'no-undef': 'off', // tsc knows the browser's names, as it does for TypeScript
      'own/bare-text': [
        'error',
        {
          names: ['connect page', 'connection test', 'Bearer', 'application/json, text/event-stream'],
          takes: { say: 1, sayWrong: 1, made: 1, confirm: 0 }
        }
      ]
    }
  }
);
