// The health check of a node's container: ends with 0 when the node can serve.
const DEADLINE_MS = 4_000;

const port = process.env.PORT || '5000';
const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(DEADLINE_MS) }).catch(
  () => null,
);
process.exitCode = answer?.ok === true ? 0 : 1;
