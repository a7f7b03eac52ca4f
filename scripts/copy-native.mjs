// npm run copy-native: puts the built addon where the compiled services load it.
import { main, say } from './setup/process.mjs';
import { copyAddon } from './setup/steps.mjs';

await main(() => {
  copyAddon();
  say('dist/native/build/Release/net_io.node is the built addon');
});
