import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach } from 'vitest';
import unknown from './fixtures/unknown.json';
import * as recorded from './recorded';

/** An answer: of status 200 unless it is said otherwise; text is sent as it is. */
export interface Answer {
  status?: number;
  body: unknown;
}

/**
 * Stands where Backstage's proxy leads to: a real server that gives recorded answers, or what a test puts there.
 * Keys of `answers` are method and path without query; `*` in a path is any one part.
 */
export class Sidecar {
  url = '';
  readonly asked: string[] = [];
  readonly bodies: string[] = [];
  answers: Record<string, Answer | ((query: URLSearchParams) => Answer)> = {
    'GET /entities/*/*/*/overview': { body: recorded.overview },
    'GET /entities/*/*/*/content': { body: recorded.content },
    'GET /entities/*/*/*/runs': { body: recorded.runs },
    'GET /portfolio': { body: recorded.portfolio },
    'GET /attention': { body: recorded.attention },
    'GET /now': { body: recorded.now },
    'GET /entities': { body: recorded.entities },
    'POST /entities/*/*/*/experiments/*/run': { status: 202, body: recorded.begun },
    'GET /actions/*': { body: recorded.action },
  };
  private readonly server: Server = createServer((request, response) => {
    void this.handle(request, response);
  });

  async start() {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'POST') this.bodies.push(Buffer.concat(chunks).toString());
    const { pathname, searchParams, search } = new URL(request.url ?? '/', this.url);
    this.asked.push(`${request.method} ${pathname}${search}`);
    const answer = this.answerTo(`${request.method} ${pathname.replace(/^\/api\/proxy\/litmus\/api\/v1/, '')}`);
    const { status = 200, body } = typeof answer === 'function' ? answer(searchParams) : answer;
    response.writeHead(status, { 'Content-Type': typeof body === 'string' ? 'text/plain' : 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  private answerTo(asked: string) {
    const parts = asked.split('/');
    const fits = (pattern: string) => {
      const wanted = pattern.split('/');
      return wanted.length === parts.length && wanted.every((one, index) => one === '*' || one === parts[index]);
    };
    const found = Object.entries(this.answers).find(([pattern]) => fits(pattern));
    return found?.[1] ?? { status: 404, body: unknown };
  }
}

/** A sidecar for each test of a file. */
export function sidecarPerTest(): { readonly current: Sidecar } {
  const holder = { current: new Sidecar() };
  beforeEach(async () => {
    holder.current = new Sidecar();
    await holder.current.start();
  });
  afterEach(() => holder.current.stop());
  return holder;
}

/** What Backstage's proxy says when it does not reach the sidecar. */
export const UNREACHABLE: Answer = { status: 504, body: 'Error occurred while trying to proxy: sidecar/api/v1' };
