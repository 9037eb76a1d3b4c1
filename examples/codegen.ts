import type { CodegenConfig } from '@graphql-codegen/cli';
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset';

const config: CodegenConfig = {
  schema: '../src/schema/schema.graphql',
  documents: 'codegen/*.ts',
  generates: {
    'codegen/generated/': {
      preset: 'client',
      // What is executed by id must name its types itself: no cache can add `__typename` to it any more.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      presetConfig: { persistedDocuments: true },
      config: {
        scalars: { DateTime: 'string' },
        defaultScalarType: 'unknown',
        useTypeImports: true,
        importExtension: '.ts',
      },
    },
  },
};

export default config;
