// Serves orders. Says on which port it listens, serves until its standard input ends, and then sends what it has recorded.

import type { AddressInfo } from 'node:net';
import { app } from './app.ts';
import { sdk } from './telemetry.ts';

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});

process.stdin.resume();
process.stdin.on('end', () => {
  server.close();
  server.closeAllConnections();
  sdk.shutdown().then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
