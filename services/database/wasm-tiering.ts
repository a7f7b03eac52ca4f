import { setFlagsFromString } from 'node:v8';

/**
 * Bytes of WebAssembly that a function runs through, about, before V8 compiles it anew with its optimizing compiler: the
 * figure of newer V8. Node 20's is a seventh of it, which makes that compiler take a third of a start's CPU time and
 * 60 MB for functions of Prisma and PGlite that run once.
 */
const TIERING_BUDGET = 13_000_000;

// Imported for this effect: a program that is compiled before keeps the budget it had.
setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
