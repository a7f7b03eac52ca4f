import { setFlagsFromString } from 'node:v8';

/**
 * Bytes of WebAssembly that a function runs through, about, before V8 compiles it anew with its optimizing compiler. A call
 * may count as all of the function's bytes: with the figure of newer V8, 13 million, and a seventh of it in Node 20, PGlite's
 * parser and interpreter, 100 KB each, are compiled after some hundred calls. That took a fifth of a start's CPU time and
 * 60 MB, and did not pay within 9,000 statements; the functions that a busy node runs most are compiled all the same.
 */
const TIERING_BUDGET = 1_000_000_000;

// Imported for this effect: a program that is compiled before keeps the budget it had.
setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
