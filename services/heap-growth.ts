import { setFlagsFromString } from 'node:v8';

/** Of what is alive after a collection. V8's own choice for a heap of ours is a tenth. */
const GROWTH_PERCENT = 100;

/**
 * Imported for this effect. The bytes of an upload that are on their way to the disk count as growth of the heap, and a
 * tenth of 50 MB is less than the window they are allowed: V8 then marks the whole heap five times a second, which was a
 * tenth of an upload's CPU. Read by V8 whenever it sets its next limit, so it may be set after the start.
 */
setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
