import { finds } from '../support/doctor.ts';

finds(
  'message',
  'a message that does not exist',
  { args: ['--message=404/1'] },
  /^warn message The message was not found with the Linq token of the gateway\. Pass an existing message/,
);
finds(
  'message',
  'a message that cannot be read',
  { args: ['--message=403/1'] },
  /^FAIL message The message could not be read with the Linq token of the gateway: FORBIDDEN\. See the error codes in docs\/errors\.md\.$/,
);
