import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { builder } from './builder.ts';
import { memoizeBySchema, withoutGatewayFields } from './subgraph.ts';

const { stitchingDirectivesTypeDefs } = stitchingDirectives();

/** This schema with the directives that tell @graphql-tools/stitch how chats and messages are merged. */
export const stitchingSdl = memoizeBySchema(
  (schema) => `${stitchingDirectivesTypeDefs.trim()}\n\n${printSchemaWithDirectives(withoutGatewayFields(schema))}\n`,
);

builder.queryField('_sdl', (t) =>
  t.string({
    description:
      'The SDL of this schema, with stitching directives, for @graphql-tools/stitch: `Chat` is merged by `id` ' +
      'through `chatsByIds`, `ChatMessage` by `chatId` and `id` through `chatMessagesByKeys`. Needs no Linq token and sends no request to Linq.',
    resolve: (_root, _args, _context, { schema }) => stitchingSdl(schema),
  }),
);
