import type { Attachment as AttachmentModel } from '../datasources/model.ts';
import { builder } from './builder.ts';

export const Attachment = builder.objectRef<AttachmentModel>('Attachment').implement({
  description: 'A file sent with a message.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID, such as `abc12345-1234-5678-9abc-def012345678`.' }),
    url: t.exposeString('url', {
      nullable: true,
      description:
        'Where the file can be fetched, such as `https://storage.googleapis.com/linq-files/attachments/abc123.pdf`. ' +
        'Linq does not say how long it lives: fetch it soon, do not store it. Null when Linq names none.',
    }),
    filename: t.exposeString('filename', {
      nullable: true,
      description: 'The name of the file, such as `document.pdf`. Null when Linq names none.',
    }),
    mimeType: t.exposeString('mimeType', {
      nullable: true,
      description: 'The media type of the file, such as `application/pdf`. Null when Linq names none.',
    }),
    fileSize: t.exposeInt('fileSize', {
      nullable: true,
      description: 'In bytes, such as `12345`. Null when Linq names none, or one above 2147483647.',
    }),
  }),
});
