import { useLanguage } from '../messages/language.tsx';

/** While something is asked for: bare strips, where the filled ones will be. */
export function Waiting({ rowCount }: { readonly rowCount: number }) {
  const { messages } = useLanguage();
  return (
    <div role="status" className="animate-late flex flex-col gap-14">
      <span className="sr-only">{messages.app.loading}</span>
      {Array.from({ length: rowCount }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a bare strip has nothing but its place
        <div key={index} aria-hidden="true" className="h-3 bg-cell" />
      ))}
    </div>
  );
}
