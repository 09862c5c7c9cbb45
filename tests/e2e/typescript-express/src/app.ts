import { SpanStatusCode, trace } from '@opentelemetry/api';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { pino } from 'pino';
import { type Profile, parseProfile } from './profile.ts';

const log = pino({ level: 'debug' }, pino.destination(2));
const profilesUrl = process.env.PROFILES_URL;

export const app = express();
app.use(express.json());
app.use(function nameTheTrace(_request: Request, response: Response, next: NextFunction) {
  response.set('X-Trace-Id', trace.getActiveSpan()?.spanContext().traceId);
  next();
});

app.post('/profiles/import', (request: Request, response: Response) => {
  const payload = request.body as Profile;
  trace.getActiveSpan()?.setAttribute('http.request.body.content', JSON.stringify(payload));
  log.info(`profile of version ${payload.version} received`);
  if (payload.version > 1) {
    log.warn(`profile of version ${payload.version} is read as version 1`);
  }
  response.json(parseProfile(payload));
});

app.get('/orders/:id', async (request: Request, response: Response) => {
  log.info(`order ${request.params.id} requested`);
  const answer = await fetch(`${profilesUrl}/profiles/cust-17`);
  if (!answer.ok) {
    throw new Error(`profiles answered ${answer.status}`);
  }
  response.json({ id: request.params.id, customer: (await answer.text()).trim() });
});

app.use(function reportTheError(error: Error, _request: Request, response: Response, _next: NextFunction) {
  const span = trace.getActiveSpan();
  span?.recordException(error);
  span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  log.error('request failed');
  response.status(500).json({ error: 'internal error' });
});
