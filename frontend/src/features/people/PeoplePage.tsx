import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { MAX_RECIPIENTS } from '../../../../services/contracts/limits.ts';
import type { Person } from '../../../../services/contracts/person.ts';
import { LeftOutNotice } from '../../components/LeftOutNotice.tsx';
import { NOTHING_LEFT_OUT } from '../../lib/collect-files.ts';
import type { CollectedFile } from '../../lib/file-list.ts';
import { live } from '../../lib/live.ts';
import { useStore } from '../../lib/store.ts';
import { useTitle } from '../../lib/use-title.ts';
import { useLanguage } from '../../messages/language.tsx';
import { uploads } from '../../transfer-engine/uploads.ts';
import { ArrivalPanel } from './ArrivalPanel.tsx';
import { DirectPanel } from './DirectPanel.tsx';
import { offer } from './direct-sends.ts';
import { arrivalItems } from './inbox.ts';
import { inboxStore } from './inbox-store.ts';
import { PeopleList } from './PeopleList.tsx';
import { RoomPanel } from './RoomPanel.tsx';
import { snapshotOf } from './room-state.ts';
import { roomStore } from './room-store.ts';
import { SendBar, type Writing } from './SendBar.tsx';
import { useFilesFromAnywhere } from './use-files-from-anywhere.ts';
import { YouPanel } from './YouPanel.tsx';

/** Who is here, and what goes to and fro between them and this person. */
export function PeoplePage({ code }: { readonly code: string | null }) {
  const { messages, format } = useLanguage();
  const words = messages.people;
  const room = useStore(roomStore);
  const liveState = useSyncExternalStore(live.subscribe, live.read);
  const snapshot = snapshotOf(room);
  const { chosen, toggle, clear } = useChoice(snapshot?.people ?? []);
  /** Whom a text is written to: who they were when it was begun, since it must outlast a phone that goes dark. */
  const [writing, setWriting] = useState<Writing | null>(null);
  const [leftOut, setLeftOut] = useState(NOTHING_LEFT_OUT);
  useTitle(messages.app.titlePage(words.title));
  useEffect(() => roomStore.want(code), [code]);

  const send = async (to: readonly Person[], files: readonly CollectedFile[], without = NOTHING_LEFT_OUT) => {
    setLeftOut(without);
    if (files.length > 0 && (await offer(to, files))) clear();
  };
  const isDragging = useFilesFromAnywhere({
    hasSomebody: chosen.length > 0,
    onFiles: (files, without) => void send(chosen, files, without),
    onText: (text) => setWriting((before) => before ?? { to: chosen, text }),
  });
  const isHere = room.name === 'joined' && liveState === 'connected';
  return (
    <section className="animate-rise flex flex-1 flex-col gap-10 pt-6 sm:pb-8">
      <div className="flex flex-col gap-6">
        <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 max-sm:gap-y-4">
          <h1 className="text-3xl font-semibold tracking-[-0.03em] sm:text-4xl">{words.title}</h1>
          {/* As soon as there are people, they come first. */}
          {!snapshot?.people.length && (
            <p className="basis-full text-lg text-pretty text-ink-soft sm:order-last">{words.lead}</p>
          )}
          {snapshot && <YouPanel you={snapshot.you} />}
        </div>
        <RoomPanel code={code} room={room} />
      </div>
      <Traffic />
      {snapshot?.room && (
        <PeopleList
          code={code}
          people={snapshot.people}
          isHere={isHere}
          isDragging={isDragging}
          chosen={chosen}
          canChoose={chosen.length < MAX_RECIPIENTS}
          onToggle={toggle}
          onDrop={(person, { files, ...without }) =>
            void send(chosen.some(({ id }) => id === person.id) ? chosen : [person], files, without)
          }
        />
      )}
      {chosen.length === MAX_RECIPIENTS && (
        <p className="text-ink-soft">{words.send.tooMany(format.count(MAX_RECIPIENTS))}</p>
      )}
      <LeftOutNotice {...leftOut} />
      <SendBar
        chosen={chosen}
        writing={writing}
        onWrite={setWriting}
        onPick={(to, files) => void send(to, files)}
        onClear={clear}
      />
    </section>
  );
}

/** What is on its way, to this person first: it may want a press. */
function Traffic() {
  const { messages } = useLanguage();
  const arrivals = arrivalItems(useStore(inboxStore));
  const sends = useStore(uploads).filter((view) => view.recipients !== null);
  return (
    <>
      {arrivals.length > 0 && (
        <section aria-labelledby="arrivals-title" className="flex flex-col gap-8">
          <h2 id="arrivals-title" className="text-sm text-ink-soft">
            {messages.people.arrival.heading}
          </h2>
          {arrivals.map((item) => (
            <ArrivalPanel key={item.id} item={item} />
          ))}
        </section>
      )}
      {sends.length > 0 && (
        <section aria-labelledby="sends-title" className="flex flex-col gap-8">
          <h2 id="sends-title" className="text-sm text-ink-soft">
            {messages.people.direct.heading}
          </h2>
          {sends.map((view) => (
            <DirectPanel key={view.transferId} view={view} />
          ))}
        </section>
      )}
    </>
  );
}

/** Who it is for. Who goes away is not chosen any more. */
function useChoice(people: readonly Person[]) {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const known = useRef(people);
  known.current = people;
  const toggle = (id: string) =>
    setIds((before) => {
      const here = new Set(known.current.map((one) => one.id));
      const after = new Set([...before].filter((one) => one !== id && here.has(one)));
      if (!before.has(id)) after.add(id);
      return after;
    });
  return { chosen: people.filter(({ id }) => ids.has(id)), toggle, clear: () => setIds(new Set<string>()) };
}
