export interface ServerSentEvent {
  readonly name: string;
  readonly data: string;
}

/** The events of a `text/event-stream`, as they arrive. */
export async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    pending += decoder.decode(part.value, { stream: true });
    const blocks = pending.split(/\r?\n\r?\n/);
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = block.split(/\r?\n/).map((line) => /^(\w*):? ?(.*)$/.exec(line));
      const valuesOf = (name: string) => fields.filter((field) => field?.[1] === name).map((field) => field?.[2] ?? '');
      yield { name: valuesOf('event').at(-1) ?? 'message', data: valuesOf('data').join('\n') };
    }
  }
}
