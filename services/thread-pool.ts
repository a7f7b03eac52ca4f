import { sizeThreadPool } from './config.ts';

// Imported for this effect, before anything else: libuv reads its pool's size at the pool's first use.
sizeThreadPool();
