import { builder } from './builder.ts';
import './chat-message.ts';

export const schema = builder.toSchema({ sortSchema: false });
