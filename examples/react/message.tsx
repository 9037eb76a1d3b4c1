import { formatSize, formatTime, webUrl } from '../web/format.ts';
import { reactionDrawings } from '../web/reaction-drawings.ts';
import type { MessageFieldsFragment } from './generated/graphql.ts';

type Attachment = MessageFieldsFragment['attachments'][number];
type Reaction = MessageFieldsFragment['reactions'][number];

export function Message({ message }: { readonly message: MessageFieldsFragment }) {
  const { text, sentAt, sentFrom, sender, attachments, reactions } = message;
  return (
    <li>
      <p className="from">
        <b dir="auto">{sender?.address ?? sentFrom ?? 'Unknown sender'}</b>{' '}
        {sentAt && <time dateTime={sentAt}>{formatTime(sentAt)}</time>}
      </p>
      <div className="bubble">
        {text && <p dir="auto">{text}</p>}
        {attachments.length > 0 && (
          <ul className="attachments" aria-label="Attachments">
            {attachments.map((attachment) => (
              <AttachmentItem key={attachment.id} attachment={attachment} />
            ))}
          </ul>
        )}
      </div>
      {reactions.length > 0 && (
        <ul className="reactions" aria-label="Reactions">
          {reactions.map((reaction) => (
            <ReactionItem key={reaction.id} reaction={reaction} />
          ))}
        </ul>
      )}
    </li>
  );
}

function AttachmentItem({ attachment: { url, filename, mimeType, fileSize } }: { readonly attachment: Attachment }) {
  const name = filename ?? 'Unnamed file';
  const href = webUrl(url);
  const facts = [mimeType, fileSize !== null && formatSize(fileSize), href === null && 'cannot be opened'];
  return (
    <li>
      {href === null ? (
        <span>{name}</span>
      ) : (
        <a href={href} rel="noreferrer">
          {name}
        </a>
      )}
      <small>{facts.filter(Boolean).join(' · ')}</small>
    </li>
  );
}

function ReactionItem({ reaction: { reaction, isFromMe, fromPhone } }: { readonly reaction: Reaction }) {
  const path = reactionDrawings.get(reaction);
  return (
    <li className={isFromMe ? 'mine' : undefined}>
      {path ? (
        <svg role="img" aria-label={reaction ?? ''} viewBox="0 0 24 24">
          <path d={path} />
        </svg>
      ) : (
        <b>{reaction ?? 'reaction'}</b>
      )}
      <span dir="auto">{isFromMe ? 'You' : (fromPhone ?? 'Somebody')}</span>
    </li>
  );
}
