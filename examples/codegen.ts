import type { CodegenConfig } from '@graphql-codegen/cli';
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset';

const types = {
  scalars: { DateTime: 'string' },
  defaultScalarType: 'unknown',
  useTypeImports: true,
  importExtension: '.ts',
} as const;

const config: CodegenConfig = {
  schema: '../src/schema/schema.graphql',
  generates: {
    'codegen/generated/': {
      documents: 'codegen/*.ts',
      preset: 'client',
      // What is executed by id must name its types itself: no cache can add `__typename` to it any more.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      presetConfig: { persistedDocuments: true },
      config: types,
    },
    'react/generated/': {
      documents: 'react/*.{ts,tsx}',
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: types,
    },
  },
};

export default config;
