// npm run copy-native: puts the built addon where the services find it when native/build is gone.
import { main, say } from './setup/process.mjs';
import { copyAddon } from './setup/steps.mjs';

await main(() => {
  say(`${copyAddon()} is a copy of the built addon`);
});
