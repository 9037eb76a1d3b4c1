import type { Attachment as AttachmentModel } from '../datasources/model.ts';
import { builder } from './builder.ts';

export const Attachment = builder.objectRef<AttachmentModel>('Attachment').implement({
  description: 'A file sent with a message.',
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'The id of the attachment, a UUID such as `abc12345-1234-5678-9abc-def012345678`.',
    }),
    url: t.exposeString('url', {
      nullable: true,
      description:
        'The URL to download the file from, such as ' +
        '`https://storage.googleapis.com/linq-files/attachments/abc123.pdf`. Linq does not document how long it is ' +
        'valid: download the file soon, and do not store the URL. Null when Linq does not provide one.',
    }),
    filename: t.exposeString('filename', {
      nullable: true,
      description: 'The file name, such as `document.pdf`. Null when Linq does not provide one.',
    }),
    mimeType: t.exposeString('mimeType', {
      nullable: true,
      description: 'The media type, such as `application/pdf`. Null when Linq does not provide one.',
    }),
    fileSize: t.exposeInt('fileSize', {
      nullable: true,
      description:
        'The file size in bytes, such as `12345`. Null when Linq does not provide it, or when it exceeds 2147483647.',
    }),
  }),
});
