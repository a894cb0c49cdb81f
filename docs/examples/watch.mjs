// Follows the event log of a weir host, and goes on where it was when it is
// started again, or when the connection breaks:
//
//   node docs/examples/watch.mjs [--server HOST:PORT] [--cursor-file FILE]
//     [--limit N] [--type TYPE]...
//
// One line for each event. docs/events.md says what the messages mean. Needs
// @grpc/grpc-js and @grpc/proto-loader, which `tools/install --dev` brings.
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const {values: options} = parseArgs({
  options: {
    'server': {
      type: 'string',
      default: process.env.WEIR_SERVER || '127.0.0.1:50051',
    },
    'cursor-file': {type: 'string'},
    'limit': {type: 'string', default: '0'},
    'type': {type: 'string', multiple: true, default: []},
  },
});
const limit = Number(options.limit);
const cursorFile = options['cursor-file'];

const definition = protoLoader.loadSync('weir/v1/event.proto', {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  longs: String,  // A number of JavaScript does not hold every uint64.
  enums: String,
  defaults: true,
});
const {weir} = grpc.loadPackageDefinition(definition);
const client = new weir.v1.EventService(
    options.server, grpc.credentials.createInsecure());

// The last position that was dealt with, in this run or in the one before.
let cursor = cursorFile && fs.existsSync(cursorFile) ?
    fs.readFileSync(cursorFile, 'utf8').trim() :
    '';
let printed = 0;
let delayMs = 500;

// By a new file and a renaming, so that a crash leaves the old or the new one.
function keep(position) {
  cursor = position;
  if (!cursorFile) return;
  fs.writeFileSync(`${cursorFile}.new`, `${position}\n`);
  fs.renameSync(`${cursorFile}.new`, cursorFile);
}

function follow() {
  const stream = client.subscribe({
    start: cursor ? {afterId: cursor} : {earliest: {}},
    filters: options.type.length ? [{types: options.type}] : [],
    clientName: 'watch.mjs',
  });
  // No message within two and a half heartbeats: nobody is there any more.
  let silence = setTimeout(() => stream.cancel(), 40_000);
  let silenceMs = 37_500;

  stream.on('data', (message) => {
    if (limit && printed === limit) return;
    clearTimeout(silence);
    if (message.hello) {
      silenceMs = 2500 * Number(message.hello.heartbeatInterval.seconds);
      delayMs = 500;
    }
    silence = setTimeout(() => stream.cancel(), silenceMs);
    if (message.gap) {
      console.log(`-- gap: ${message.gap.reason}, ` +
                  `${message.gap.missing} positions missing`);
    }
    for (const event of message.events) {
      console.log(`${event.id}  ${event.type}  ${event.subject}  ${event.json}`);
      keep(event.id);
      if (++printed === limit) {
        // Not at once: a pipe that is full has yet to take what was printed.
        process.stdout.write('', () => process.exit(0));
        return;
      }
    }
    // Past what the filter left out. Hello says where the stream starts, and
    // nothing of it has been dealt with then.
    if (!message.hello) keep(message.cursor);
  });

  // gRPC tells every end as an error, or as an end without one.
  let over = false;
  const again = (error) => {
    if (over) return;
    over = true;
    clearTimeout(silence);
    const passing = [
      undefined, grpc.status.UNAVAILABLE, grpc.status.CANCELLED,
      grpc.status.RESOURCE_EXHAUSTED,
    ];
    if (!passing.includes(error?.code)) {
      console.error(`watch.mjs: ${error.message}`);
      process.exit(1);
    }
    const waitMs = delayMs * (0.5 + Math.random() / 2);
    delayMs = Math.min(2 * delayMs, 30_000);
    console.error(`watch.mjs: ${error?.message ?? 'the stream ended'}; again in ${
        Math.round(waitMs)} ms`);
    setTimeout(follow, waitMs);
  };
  stream.on('error', again);
  stream.on('end', () => setImmediate(again));
}

follow();
