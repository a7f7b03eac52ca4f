// Loaded into a measured Node server with --require: answers over the channel to the bench how late its loop ran, and gives
// up what nothing refers to before its memory is measured.
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const histogram = monitorEventLoopDelay({ resolution: 10 });
process.on('message', (message) => {
  if (message === 'loop-delay:start') {
    histogram.reset();
    histogram.enable();
    process.send({ isWatching: true });
  } else if (message === 'collect') {
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    process.send({ isCollected: true });
  } else if (message === 'loop-delay:stop') {
    histogram.disable();
    const milliseconds = (nanoseconds) => nanoseconds / 1e6;
    process.send({
      p50Ms: milliseconds(histogram.percentile(50)),
      p99Ms: milliseconds(histogram.percentile(99)),
      maxMs: milliseconds(histogram.max),
    });
  }
});
// The channel alone keeps no server alive.
process.channel?.unref();
