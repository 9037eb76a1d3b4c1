import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of one connection that are handled at the same time. */
const maxRequests = 32;

/** The share of the idle connections that is closed when there are too many: closing one at a time would cost a search each time. */
const closedShare = 16;

/** How often the log says that there are too many connections. In milliseconds. */
const logIntervalMs = 60_000;

interface ConnectionLog {
  warn(fields: object, message: string): void;
}

/** The client connections of the process. */
export class Connections {
  readonly #known = new WeakMap<object, Connection>();
  #uses = 0;

  /**
   * Handles at most 32 requests of one connection at the same time. Then nothing is read from it until some have their
   * response; requests that Node has read by then wait.
   */
  limitRequests(handle: RequestListener): RequestListener {
    return (req, res) => {
      if (req.httpVersionMajor === 1) this.#of(req.socket).enter(req, res, handle, ++this.#uses);
      else handle(req, res); // HTTP/2 limits its streams itself
    };
  }

  /** Closes the connections that are idle for the longest time when there are too many, and new ones when none is idle. */
  limitNumber(server: Server, max: number, log: ConnectionLog): void {
    const open = new Set<Socket>();
    let loggedAt = Number.NEGATIVE_INFINITY;
    server.on('connection', (socket: Socket) => {
      open.add(socket);
      this.#of(socket).lastUse = ++this.#uses;
      socket.once('close', () => open.delete(socket));
      if (open.size <= max) return;
      const idle = [...open].filter((one) => one !== socket && this.#of(one).isIdle);
      const oldest = idle.sort((a, b) => this.#of(a).lastUse - this.#of(b).lastUse);
      const closed = idle.length === 0 ? [socket] : oldest.slice(0, Math.ceil(idle.length / closedShare));
      for (const one of closed) {
        open.delete(one);
        one.destroy();
      }
      if (performance.now() - loggedAt < logIntervalMs) return;
      loggedAt = performance.now();
      log.warn({ max }, 'too many connections for the limit of open files: idle ones are closed');
    });
  }

  #of(socket: Socket): Connection {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    const connection = new Connection(socket);
    this.#known.set(socket, connection);
    return connection;
  }
}

class Connection {
  lastUse = 0;
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];
  #requests = 0;
  #isHeld = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isIdle(): boolean {
    return this.#requests === 0;
  }

  enter(req: IncomingMessage, res: ServerResponse, handle: RequestListener, use: number): void {
    this.lastUse = use;
    if (this.#requests < maxRequests) this.#start(req, res, handle);
    else this.#waiting.push(() => this.#start(req, res, handle));
    if (this.#requests === maxRequests) this.#hold();
  }

  #start(req: IncomingMessage, res: ServerResponse, handle: RequestListener): void {
    this.#requests++;
    res.on('close', this.#leave); // emitted once
    handle(req, res);
  }

  readonly #leave = (): void => {
    this.#requests--;
    if (this.#socket.destroyed) {
      this.#waiting.length = 0;
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) next();
    else if (this.#isHeld) {
      this.#isHeld = false;
      this.#socket.off('resume', this.#pause);
      this.#socket.resume();
    }
  };

  #hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#socket.on('resume', this.#pause); // Node resumes it for the body of a request
    this.#socket.pause();
  }

  readonly #pause = (): void => {
    this.#socket.pause();
  };
}
