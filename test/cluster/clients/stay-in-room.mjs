// A browser's page in a process of its own, to be killed: node stay-in-room.mjs <url> <cookie> <room>
import { io } from 'socket.io-client';

const [url, cookie, room] = process.argv.slice(2);
const socket = io(url, { path: '/socket.io', transports: ['websocket'], extraHeaders: { cookie } });
await socket.timeout(10_000).emitWithAck('people.join', { room });
process.stdout.write('in the room\n');
