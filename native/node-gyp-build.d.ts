declare module 'node-gyp-build' {
  const load: {
    (packageFolder?: string): unknown;
    /** Path of the binary for this machine. Throws "No native build was found ..." when there is none. */
    resolve(packageFolder?: string): string;
  };
  export default load;
}
