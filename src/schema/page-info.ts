import type { PageInfo as PageInfoModel } from '../datasources/model.ts';
import { builder } from './builder.ts';

export const PageInfo = builder.objectRef<PageInfoModel>('PageInfo').implement({
  description: 'Where a page is in its list.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', {
      description:
        'True if there are more items after `endCursor`. Exact with `first`; with `last` it is true only if such an item was seen.',
    }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description:
        'True if there are more items before `startCursor`. Exact with `last`; with `first` it is true only if such an item was seen.',
    }),
    startCursor: t.exposeString('startCursor', {
      nullable: true,
      description: 'The cursor of the first item: `before` for the previous page. Null when the page is empty.',
    }),
    endCursor: t.exposeString('endCursor', {
      nullable: true,
      description: 'The cursor of the last item: `after` for the next page. Null when the page is empty.',
    }),
  }),
});
