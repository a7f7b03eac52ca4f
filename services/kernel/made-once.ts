/**
 * What is made when it is first asked for, and kept. Of those that ask while it is made, each gets the same; a failure is told
 * to them and not kept, so the next one has it made anew.
 */
export function madeOnce<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((fault: unknown) => {
      made = undefined;
      throw fault;
    });
    return made;
  };
}
