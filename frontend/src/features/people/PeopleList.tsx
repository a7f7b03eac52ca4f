import { Check } from 'lucide-react';
import { type DragEvent, useEffect, useRef, useState } from 'react';
import type { Person } from '../../../../services/contracts/person.ts';
import { type Collected, claimDrop, collectDrop, takeDrop } from '../../lib/collect-files.ts';
import { useLanguage } from '../../messages/language.tsx';
import { PersonMark } from './PersonMark.tsx';
import { RoomInvitation } from './RoomInvitation.tsx';

function tileId(person: Person): string {
  return `person-${person.id}`;
}

/** Where the focus goes when what was for these people goes away: to the first of them, while they are in the room. */
export function tileOfFirst([first]: readonly Person[]): HTMLElement | null {
  return first ? document.getElementById(tileId(first)) : null;
}

type OnDrop = (person: Person, collected: Collected) => void;

/** The others, as marks: press to choose, drop to offer. */
export function PeopleList({
  code,
  people,
  isHere,
  isDragging,
  chosen,
  canChoose,
  onToggle,
  onDrop,
}: {
  readonly code: string | null;
  readonly people: readonly Person[];
  readonly isHere: boolean;
  readonly isDragging: boolean;
  readonly chosen: readonly Person[];
  readonly canChoose: boolean;
  readonly onToggle: (id: string) => void;
  readonly onDrop: OnDrop;
}) {
  const { messages, format } = useLanguage();
  const words = messages.people.list;
  const said = useComings(people, isHere);
  const chosenIds = new Set(chosen.map(({ id }) => id));
  return (
    <section aria-label={words.label} className="flex flex-col gap-5">
      {people.length === 0 ? (
        <RoomInvitation code={code} />
      ) : (
        <>
          <p className="flex flex-wrap gap-x-5 text-ink-soft">
            <span className="font-medium text-ink">{words.count(people.length, format.count(people.length))}</span>
            {chosen.length === 0 && (
              <>
                <span className="pointer-coarse:hidden">{words.dropHint}</span>
                <span className="pointer-fine:hidden">{words.choose}</span>
              </>
            )}
          </p>
          <ul className="grid grid-cols-3 gap-2 sm:grid-cols-[repeat(auto-fill,minmax(136px,1fr))] sm:gap-4">
            {people.map((person) => (
              <li key={person.id}>
                <PersonTile
                  person={person}
                  isHere={isHere}
                  isChosen={chosenIds.has(person.id)}
                  canChoose={canChoose || chosenIds.has(person.id)}
                  isDragging={isDragging}
                  onToggle={() => onToggle(person.id)}
                  onDrop={onDrop}
                />
              </li>
            ))}
          </ul>
        </>
      )}
      <p role="status" className="sr-only">
        {said}
      </p>
    </section>
  );
}

function PersonTile({
  person,
  isHere,
  isChosen,
  canChoose,
  isDragging,
  onToggle,
  onDrop,
}: {
  readonly person: Person;
  readonly isHere: boolean;
  readonly isChosen: boolean;
  readonly canChoose: boolean;
  readonly isDragging: boolean;
  readonly onToggle: () => void;
  readonly onDrop: OnDrop;
}) {
  const { messages } = useLanguage();
  const [isOver, setIsOver] = useState(false);
  const drop = async (event: DragEvent) => {
    setIsOver(false);
    const found = takeDrop(event.dataTransfer);
    if (found.length === 0 || !claimDrop(event.nativeEvent)) return;
    event.preventDefault();
    onDrop(person, await collectDrop(found, () => {}));
  };
  const edge = isOver || isChosen ? 'border-accent' : isDragging ? 'border-ink-faint' : 'border-transparent';
  return (
    <button
      type="button"
      id={tileId(person)}
      aria-pressed={isChosen}
      disabled={!isHere || !canChoose}
      onClick={onToggle}
      onDragEnter={() => setIsOver(true)}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget)))
          setIsOver(false);
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => void drop(event)}
      className={`relative flex w-full scroll-my-4 max-sm:scroll-mb-48 flex-col items-center gap-3 rounded-md border-2 px-2 py-4 transition-opacity duration-150 ease-out disabled:opacity-60 ${edge} ${isChosen || isOver ? 'bg-accent-wash' : 'hover:bg-cell'}`}
    >
      <PersonMark id={person.id} className="size-16 sm:size-20" />
      <span dir="auto" className="line-clamp-2 max-w-full text-center [overflow-wrap:anywhere]">
        {person.displayName}
      </span>
      {isOver && (
        <span className="pointer-events-none absolute inset-x-1 bottom-1 rounded-sm bg-accent px-1 text-xs text-on-accent">
          {messages.people.list.drop(person.displayName)}
        </span>
      )}
      {isChosen && (
        <span className="absolute end-2 top-2 flex size-6 items-center justify-center rounded-full bg-accent text-on-accent">
          <Check aria-hidden className="size-4" strokeWidth={1.5} />
        </span>
      )}
    </button>
  );
}

/** Who came or went last, for screen readers. */
function useComings(people: readonly Person[], isHere: boolean): string {
  const { messages } = useLanguage();
  const words = messages.people.list;
  const before = useRef<ReadonlyMap<string, string> | null>(null);
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (!isHere) return;
    const now = new Map(people.map(({ id, displayName }) => [id, displayName]));
    const known = before.current;
    before.current = now;
    if (known === null) return;
    const came = people.find(({ id }) => !known.has(id));
    const gone = [...known].find(([id]) => !now.has(id));
    if (came) setSaid(words.came(came.displayName));
    else if (gone) setSaid(words.went(gone[1]));
  }, [people, isHere, words]);
  return said;
}
